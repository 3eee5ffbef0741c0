//! A fault planted on purpose, so that a drill can prove that it is found. Nothing without the feature `planted`.

/// The name of the variable; `store-io-error-after=N` lets the first N groups pass.
const VARIABLE: &str = "PLANTED_FAULT";

/// Fails a group when told to.
#[derive(Debug, Default)]
pub struct Plant {
    groups_left: Option<u64>,
}

impl Plant {
    /// As the environment says.
    pub fn from_env() -> Self {
        let text = if cfg!(feature = "planted") { std::env::var(VARIABLE).ok() } else { None };
        let groups = text.and_then(|it| it.strip_prefix("store-io-error-after=")?.parse().ok());
        Self { groups_left: groups }
    }

    /// Whether the next group fails. Without the feature it is known not to when this is compiled.
    pub fn fails(&mut self) -> bool {
        if !cfg!(feature = "planted") {
            return false;
        }
        let Some(left) = &mut self.groups_left else { return false };
        let fails = *left == 0;
        *left = left.saturating_sub(1);
        fails
    }
}
