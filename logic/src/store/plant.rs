//! A fault planted on purpose, so that a drill can prove that it is found. Nothing without the feature `planted`.

/// The name of the variable; `store-io-error-after=N` lets the first N groups pass.
#[cfg(feature = "planted")]
const VARIABLE: &str = "PLANTED_FAULT";

/// Fails a group when told to.
#[derive(Debug, Default)]
pub struct Plant {
    #[cfg(feature = "planted")]
    groups_left: Option<u64>,
}

#[cfg(feature = "planted")]
impl Plant {
    /// As the environment says.
    pub fn from_env() -> Self {
        let text = std::env::var(VARIABLE).unwrap_or_default();
        let groups = text.strip_prefix("store-io-error-after=").and_then(|n| n.parse().ok());
        Self { groups_left: groups }
    }

    /// Whether the next group fails.
    pub fn fails(&mut self) -> bool {
        let Some(left) = &mut self.groups_left else { return false };
        let fails = *left == 0;
        *left = left.saturating_sub(1);
        fails
    }
}

#[cfg(not(feature = "planted"))]
impl Plant {
    /// Nothing is planted.
    pub fn from_env() -> Self {
        Self::default()
    }

    /// Never.
    #[allow(clippy::unused_self, reason = "the shape of the one above")]
    pub fn fails(&mut self) -> bool {
        false
    }
}
