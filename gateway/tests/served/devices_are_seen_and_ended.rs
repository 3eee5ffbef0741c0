//! A user sees its devices and ends one; so does an operator, who also takes tokens back, for good. Real processes.

use crate::caller::Caller;
use crate::process::{Gateway, block_on};
use client::{Client, ClientError, Config, Inbox, Position};
use rustix::process::Signal;
use wire::{DeviceId, Platform, RefusalCode};

/// Why a session ends that is not begun again.
async fn ended(inbox: &mut Inbox) -> Option<RefusalCode> {
    loop {
        match inbox.recv().await {
            Ok(_) => {}
            Err(ClientError::SessionEnd { code, .. }) => return code,
            Err(error) => panic!("{error}"),
        }
    }
}

async fn log_in(gateway: &Gateway, token: String) -> Result<(Client, Inbox), ClientError> {
    let (addresses, position) = (vec![gateway.listen.to_string()], Position::default());
    Client::connect(Config { addresses, token, device: DeviceId(1), position, tls: None }).await
}

fn is_revoked<T>(result: Result<T, ClientError>) -> bool {
    let code = RefusalCode::TokenRevoked;
    matches!(result, Err(ClientError::Refused { code: Some(other), .. }) if other == code)
}

#[test]
fn by_their_user() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path(), &[]);
    block_on(async {
        let (here, mut inbox) = gateway.connect(7, 1).await;
        let (_there, mut other) = gateway.connect(7, 2).await;
        let (_stranger, _theirs) = gateway.connect(8, 3).await;
        let devices = here.devices().await.unwrap();
        let seen: Vec<_> = devices.iter().map(|it| (it.device.0, it.platform)).collect();
        assert_eq!(seen, [(1, Platform::LINUX), (2, Platform::LINUX)]);
        assert!(devices[0].generation < devices[1].generation);
        assert!(!here.end_device(DeviceId(3)).await.unwrap(), "it is another user's");
        assert!(here.end_device(DeviceId(2)).await.unwrap());
        assert_eq!(ended(&mut other).await, Some(RefusalCode::EndedByUser));
        assert!(!here.end_device(DeviceId(2)).await.unwrap());
        let (_again, _inbox) = gateway.connect(7, 2).await;
        assert_eq!(here.devices().await.unwrap().len(), 2, "its token stays good");
        assert!(here.end_device(DeviceId(1)).await.unwrap(), "the answer comes before the end");
        assert_eq!(ended(&mut inbox).await, Some(RefusalCode::EndedByUser));
    });
}

#[test]
fn by_an_operator() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path(), &[]);
    block_on(async {
        let (_phone, mut phone) = gateway.connect(7, 1).await;
        let (_desk, mut desk) = gateway.connect(7, 2).await;
        let page = gateway.page("/devices/7");
        for part in [r#""device":"1""#, r#""device":"2""#, r#""platform":"linux""#] {
            assert!(page.contains(part), "{page}");
        }
        assert!(gateway.page("/devices/9").ends_with("\r\n\r\n[]\n"));
        assert!(gateway.post("/kick/7/2").ends_with("{\"ended\":1}\n"));
        assert_eq!(ended(&mut desk).await, Some(RefusalCode::Kicked));
        assert!(gateway.post("/kick/7").ends_with("{\"ended\":1}\n"));
        assert_eq!(ended(&mut phone).await, Some(RefusalCode::Kicked));
        assert!(gateway.post("/kick/7").ends_with("{\"ended\":0}\n"));
    });
}

#[test]
fn tokens_that_were_taken_back_are_not_believed_by_the_next_process() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path(), &[]);
    let (old, theirs) = (gateway.token(7), gateway.token(8));
    block_on(async {
        let (_client, mut inbox) = log_in(&gateway, old.clone()).await.unwrap();
        assert!(gateway.post("/revoke/7").ends_with("{\"ended\":1}\n"));
        assert_eq!(ended(&mut inbox).await, Some(RefusalCode::TokenRevoked));
        assert!(is_revoked(log_in(&gateway, old.clone()).await));
        // Nor where nobody is logged in: over HTTP any call brings its token.
        let request = |token: &str| {
            let mut caller = Caller::connect(&gateway);
            let call = (token, "POST /v1/requests?device=1");
            caller.call(call, r#"{"sync":{"cursor":0,"limit":1}}"#).status
        };
        assert_eq!((request(&old), request(&theirs)), (401, 200));
    });
    gateway.signal(Signal::KILL);
    gateway.wait();
    let gateway = Gateway::start(dir.path(), &[]);
    block_on(async {
        assert!(is_revoked(log_in(&gateway, old.clone()).await));
        assert!(log_in(&gateway, theirs).await.is_ok());
        // A token of the second of the revoke is taken for an older one.
        while is_revoked(log_in(&gateway, gateway.token(7)).await) {}
        let (client, _inbox) = log_in(&gateway, gateway.token(7)).await.unwrap();
        assert!(is_revoked(client.renew(old).await), "nor does it lengthen a later session");
        client.renew(gateway.token(7)).await.unwrap();
    });
}
