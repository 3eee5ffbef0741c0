//! What the application asked for, passed on as it came: the machine keeps nothing of it.

use super::Event;
use crate::ClientError;
use wire::RawFrame;
use wire::frames::{
    ChatReply, DevicesPage, EndDeviceReply, GroupInfoReply, GroupMembersPage, HistoryPage,
    RenewReply,
};

pub(super) fn renewed(
    frame: &RawFrame<'_>,
    events: &mut impl FnMut(Event<'_>),
) -> Result<(), ClientError> {
    let until_ms = frame.access::<RenewReply>()?.until_ms.to_native();
    events(Event::Renewed { request_id: frame.header.request_id, until_ms });
    Ok(())
}

pub(super) fn history(
    frame: &RawFrame<'_>,
    events: &mut impl FnMut(Event<'_>),
) -> Result<(), ClientError> {
    let page = frame.access::<HistoryPage>()?;
    events(Event::HistoryPage { request_id: frame.header.request_id, page });
    Ok(())
}

pub(super) fn chat(
    frame: &RawFrame<'_>,
    events: &mut impl FnMut(Event<'_>),
) -> Result<(), ClientError> {
    let reply = frame.access::<ChatReply>()?;
    events(Event::ChatReply { request_id: frame.header.request_id, reply });
    Ok(())
}

pub(super) fn group_members(
    frame: &RawFrame<'_>,
    events: &mut impl FnMut(Event<'_>),
) -> Result<(), ClientError> {
    let page = frame.access::<GroupMembersPage>()?;
    events(Event::GroupMembersPage { request_id: frame.header.request_id, page });
    Ok(())
}

pub(super) fn devices(
    frame: &RawFrame<'_>,
    events: &mut impl FnMut(Event<'_>),
) -> Result<(), ClientError> {
    let page = frame.access::<DevicesPage>()?;
    events(Event::DevicesPage { request_id: frame.header.request_id, page });
    Ok(())
}

pub(super) fn device_ended(
    frame: &RawFrame<'_>,
    events: &mut impl FnMut(Event<'_>),
) -> Result<(), ClientError> {
    let was_logged_in = frame.access::<EndDeviceReply>()?.was_logged_in != 0;
    events(Event::DeviceEnded { request_id: frame.header.request_id, was_logged_in });
    Ok(())
}

pub(super) fn group_info(
    frame: &RawFrame<'_>,
    events: &mut impl FnMut(Event<'_>),
) -> Result<(), ClientError> {
    let reply = frame.access::<GroupInfoReply>()?;
    events(Event::GroupInfo { request_id: frame.header.request_id, reply });
    Ok(())
}
