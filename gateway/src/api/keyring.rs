//! The keys that are believed now, and the rate of each. They may be replaced while calls come.

use super::key_file;
use super::keys::{self, Key};
use super::refused::Refused;
use super::scope::Scope;
use crate::entry::rate::{Bucket, Rate};
use arc_swap::ArcSwap;
use std::path::PathBuf;
use std::sync::Arc;
use wire::RefusalCode;

/// A key, and what is left of its rate.
#[derive(Debug)]
pub struct Holder {
    /// The key.
    pub key: Key,
    bucket: Arc<Bucket>,
}

/// All keys.
#[derive(Debug)]
pub struct Keyring {
    path: PathBuf,
    rate: Rate,
    held: ArcSwap<Vec<Arc<Holder>>>,
}

impl Keyring {
    /// The keys of a file, each with a rate a second; 0: none.
    ///
    /// # Errors
    /// What is wrong with the file, and what to do.
    pub fn open(path: PathBuf, per_second: u32) -> Result<Self, String> {
        let ring = Self { path, rate: Rate::new(per_second), held: ArcSwap::default() };
        ring.reload()?;
        Ok(ring)
    }

    /// Reads the file again. A key that stays keeps what is left of its rate; how many there are.
    ///
    /// # Errors
    /// What is wrong with the file: the keys stay as they were.
    pub fn reload(&self) -> Result<usize, String> {
        let keys = key_file::read(&self.path)?;
        let before = self.held.load();
        let hold = |key: Key| {
            let same = before.iter().find(|holder| holder.key.name == key.name);
            let bucket = same.map(|holder| holder.bucket.clone()).unwrap_or_default();
            Arc::new(Holder { key, bucket })
        };
        let held: Vec<_> = keys.into_iter().map(hold).collect();
        let count = held.len();
        self.held.store(Arc::new(held));
        Ok(count)
    }

    /// Who holds the key of an `Authorization` header.
    ///
    /// # Errors
    /// There is none, it is no key, or it is over.
    pub fn who(&self, header: Option<&str>, now_s: u64) -> Result<Arc<Holder>, Refused> {
        let bad = |text| Refused::new(RefusalCode::BadToken, text);
        let header = header.ok_or_else(|| bad("give a key: Authorization: Bearer and the key"))?;
        let key = header.split_once(' ').filter(|(how, _)| how.eq_ignore_ascii_case("bearer"));
        let (_, key) = key.ok_or_else(|| bad("Authorization is Bearer and a key"))?;
        let held = self.held.load();
        let keys = held.iter().map(|holder| &holder.key);
        let found = keys::find(keys, key).map(|at| held[at].clone());
        let holder = found.ok_or_else(|| bad("this is no key, or one that was ended"))?;
        if holder.key.expires_s <= now_s {
            return Err(Refused::new(RefusalCode::TokenExpired, "the key is over: get a new one"));
        }
        Ok(holder)
    }

    /// Takes one from a key's rate.
    ///
    /// # Errors
    /// Milliseconds to wait.
    pub fn take(&self, holder: &Holder, now_us: u64) -> Result<(), u32> {
        holder.bucket.take(&self.rate, now_us)
    }
}

impl Holder {
    /// Whether the key is good for a call that needs this; none: any key is.
    ///
    /// # Errors
    /// It is not.
    pub fn may(&self, scope: Option<Scope>) -> Result<(), Refused> {
        match scope.filter(|scope| !self.key.scopes.has(*scope)) {
            None => Ok(()),
            Some(scope) => {
                let text = format!("this needs a key with the scope {scope}");
                Err(Refused::new(RefusalCode::NotAllowed, text))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::keys::{Print, Secret};

    fn code(refused: Result<Arc<Holder>, Refused>) -> RefusalCode {
        refused.map(|holder| holder.key.name.clone()).unwrap_err().code
    }

    #[test]
    fn a_key_is_believed_until_it_is_over_or_ended() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys");
        let secret = Secret::new([1; 32]);
        let print = Print::of(secret.text());
        let key = Key { name: "one".into(), print, scopes: "read".parse().unwrap(), expires_s: 9 };
        let add = |keys: &mut Vec<Key>| {
            keys.push(key);
            Ok(())
        };
        key_file::change(&path, add).unwrap();
        let ring = Keyring::open(path.clone(), 1).unwrap();
        let header = format!("Bearer {}", secret.text());
        let holder = ring.who(Some(&header), 8).unwrap();
        assert!(holder.may(None).is_ok() && holder.may(Some(Scope::Read)).is_ok());
        assert_eq!(holder.may(Some(Scope::Kick)).unwrap_err().code, RefusalCode::NotAllowed);
        assert_eq!(code(ring.who(Some(&header), 9)), RefusalCode::TokenExpired);
        for bad in [None, Some(secret.text()), Some("Bearer"), Some("Basic x"), Some("Bearer x")] {
            assert_eq!(code(ring.who(bad, 8)), RefusalCode::BadToken, "{bad:?}");
        }
        assert!(ring.take(&holder, 0).is_ok() && ring.take(&holder, 0).is_ok());
        assert_eq!(ring.take(&holder, 0), Err(1_000));
        assert_eq!(ring.reload(), Ok(1));
        let again = ring.who(Some(&header), 8).unwrap();
        assert_eq!(ring.take(&again, 0), Err(1_000), "its rate stays");
        std::fs::write(&path, "one\n").unwrap();
        assert!(ring.reload().is_err() && ring.who(Some(&header), 8).is_ok());
        std::fs::write(&path, "").unwrap();
        assert_eq!(ring.reload(), Ok(0));
        assert_eq!(code(ring.who(Some(&header), 8)), RefusalCode::BadToken);
    }
}
