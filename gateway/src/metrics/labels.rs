//! The labels' values: why a connection closed, why a delivery was dropped, where a body was
//! copied.

use service::metrics::Label;

macro_rules! labels {
    ($($(#[$doc:meta])* $name:ident($label:literal) { $($(#[$value_doc:meta])* $value:ident = $text:literal,)+ })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$value_doc])* $value,)+ }

        impl Label for $name {
            const NAME: &'static str = $label;
            const ALL: &'static [Self] = &[$(Self::$value,)+];
            fn text(self) -> String {
                match self { $(Self::$value => $text,)+ }.to_owned()
            }
            fn index(self) -> usize {
                self as usize
            }
        }
    )+};
}

labels! {
    /// Why a connection ended.
    CloseReason("reason") {
        /// The client closed it.
        Peer = "peer",
        /// The socket failed.
        Socket = "socket",
        /// The client said something that may not be said.
        Protocol = "protocol",
        /// It spoke TLS, which is not served.
        Tls = "tls",
        /// It did not speak TLS, which must be spoken.
        Plain = "plain",
        /// It ended its TLS handshake or session by an alert, as one does that does not trust the certificate.
        TlsAlert = "tls_alert",
        /// It has no version, algorithm or protocol of TLS in common with the gateway.
        TlsTerms = "tls_terms",
        /// A TLS record that is none, or that its keys do not open.
        TlsRecord = "tls_record",
        /// A page, or what a page asked for, was answered.
        Page = "page",
        /// An HTTP request that is neither for a WebSocket nor for a page.
        Http = "http",
        /// A web page of an origin that may not connect.
        Origin = "origin",
        /// It did not log in in time.
        LoginTimeout = "login_timeout",
        /// Its token was not believed, or is believed no more.
        Token = "token",
        /// It carried HTTP calls, and the next did not come in time.
        Idle = "idle",
        /// It was silent for two heartbeats.
        Silent = "silent",
        /// Pushes or replies stayed unread.
        Unresponsive = "unresponsive",
        /// A newer login of the device, or too many devices.
        Replaced = "replaced",
        /// An operator ended it.
        Kicked = "kicked",
        /// The client logged out.
        Logout = "logout",
        /// More connections than allowed.
        Full = "full",
        /// The gateway drains.
        Drain = "drain",
    }
    /// Why a delivery did not go out. The inbox still has it.
    DropReason("reason") {
        /// The connection is gone.
        ConnectionGone = "connection_gone",
        /// The connection carries HTTP calls, and no poll waits.
        NoPoll = "no_poll",
        /// The connection's outbox is full.
        OutboxFull = "outbox_full",
        /// The core's mailbox is full.
        MailboxFull = "mailbox_full",
    }
    /// What came of a call of a business system.
    ApiResult("result") {
        /// It was done.
        Done = "done",
        /// It was refused.
        Refused = "refused",
        /// It had no key, or none that is good.
        Denied = "denied",
    }
    /// Where bytes of a body were copied in user space between receive and send. What the store's
    /// encoding copies is not on that path.
    CopyStage("stage") {
        /// Whole frames out of the receive buffer, because they came in pieces or lie unaligned.
        Reassembly = "reassembly",
        /// Out of the frame, for the shard.
        Submit = "submit",
        /// Into an outbox: pushes and pages.
        Outbox = "outbox",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dense<L: Label>() {
        for (index, label) in L::ALL.iter().enumerate() {
            assert_eq!(label.index(), index);
            assert!(label.text().bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
        }
    }

    #[test]
    fn every_value_has_its_place_and_a_plain_text() {
        dense::<CloseReason>();
        dense::<DropReason>();
        dense::<CopyStage>();
        dense::<ApiResult>();
    }
}
