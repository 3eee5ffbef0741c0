//! How kinds and frames are declared. It names none.

/// The kinds, each with its number.
macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $kind:literal,)*) => {
        /// What a frame is. The number is on the wire.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Kind { $($(#[$doc])* $name = $kind,)* }

        impl Kind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The kind with this number; one of a later release is `None`.
            #[must_use]
            #[inline]
            pub fn from_wire(kind: u8) -> Option<Self> {
                match kind { $($kind => Some(Self::$name),)* _ => None }
            }
        }
    };
}

/// A struct of a frame, or a part of one; with `= kind` it is the payload of the kind of its name.
macro_rules! frame {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
        #[rkyv(attr(doc = "Archived, as it is on the wire."))]
        #[rkyv(attr(allow(missing_docs, reason = "the fields are those of the struct")))]
        pub struct $name { $($(#[$field_doc])* pub $field: $type,)* }

        impl Exact for Archived<$name> {
            const HAS_PARTS: bool = true;

            #[inline]
            fn walk(&self, walk: &mut Walk<'_>) {
                let end = walk.start(self);
                $(let end = walk.field(end, &self.$field);)*
                walk.zeros(end, walk.start(self) + size_of::<Self>());
            }
        }
    };
    ($(#[$doc:meta])* $name:ident = kind { $($fields:tt)* }) => {
        frame! { $(#[$doc])* $name { $($fields)* } }
        impl Frame for $name { const KIND: Kind = Kind::$name; }
    };
}
