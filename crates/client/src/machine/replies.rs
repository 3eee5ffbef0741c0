//! What the application asked for, as the event that passes it on: the machine keeps nothing of it.

use super::Event;
use wire::frames::{
    ChatReply, DevicesPage, EndDeviceReply, GroupInfoReply, GroupMembersPage, HistoryPage,
    PushTokenReply, RenewReply,
};
use wire::{FrameError, RawFrame};

type Passed<'a> = Result<Event<'a>, FrameError>;

pub(super) fn renewed<'a>(frame: &RawFrame<'a>) -> Passed<'a> {
    let until_ms = frame.access::<RenewReply>()?.until_ms.to_native();
    Ok(Event::Renewed { request_id: frame.header.request_id, until_ms })
}

pub(super) fn history<'a>(frame: &RawFrame<'a>) -> Passed<'a> {
    let page = frame.access::<HistoryPage>()?;
    Ok(Event::HistoryPage { request_id: frame.header.request_id, page })
}

pub(super) fn chat<'a>(frame: &RawFrame<'a>) -> Passed<'a> {
    let reply = frame.access::<ChatReply>()?;
    Ok(Event::ChatReply { request_id: frame.header.request_id, reply })
}

pub(super) fn group_members<'a>(frame: &RawFrame<'a>) -> Passed<'a> {
    let page = frame.access::<GroupMembersPage>()?;
    Ok(Event::GroupMembersPage { request_id: frame.header.request_id, page })
}

pub(super) fn group_info<'a>(frame: &RawFrame<'a>) -> Passed<'a> {
    let reply = frame.access::<GroupInfoReply>()?;
    Ok(Event::GroupInfo { request_id: frame.header.request_id, reply })
}

pub(super) fn devices<'a>(frame: &RawFrame<'a>) -> Passed<'a> {
    let page = frame.access::<DevicesPage>()?;
    Ok(Event::DevicesPage { request_id: frame.header.request_id, page })
}

pub(super) fn device_ended<'a>(frame: &RawFrame<'a>) -> Passed<'a> {
    let was_logged_in = frame.access::<EndDeviceReply>()?.was_logged_in != 0;
    Ok(Event::DeviceEnded { request_id: frame.header.request_id, was_logged_in })
}

pub(super) fn push_token<'a>(frame: &RawFrame<'a>) -> Passed<'a> {
    let is_kept = frame.access::<PushTokenReply>()?.is_kept != 0;
    Ok(Event::PushTokenSet { request_id: frame.header.request_id, is_kept })
}
