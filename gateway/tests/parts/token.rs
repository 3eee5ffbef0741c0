//! A token is believed only if a configured key signed it for now: forged, altered and ill-formed ones are refused.

use crate::tokens::{PUBLIC_PEM, SECRET, base64, config, eddsa, file, hs256};
use gateway::auth::{Auth, Claims, TokenErrorKind, sign};
use gateway::limits::RESERVED_UIDS;
use wire::{RefusalCode, TOKEN_BYTES_MAX, Uid};

const NOW: u64 = 1_800_000_000;
const HS256: &str = r#"{"alg":"HS256","typ":"JWT"}"#;
const EDDSA: &str = r#"{"alg":"EdDSA","typ":"JWT"}"#;
const GOOD: &str = r#"{"sub":"7","exp":1800000060}"#;

struct Keys {
    hs256: Auth,
    eddsa: Auth,
    both: Auth,
}

fn keys() -> Keys {
    let dir = tempfile::tempdir().unwrap();
    let secret = file(dir.path(), "secret", SECRET);
    let public = file(dir.path(), "public", PUBLIC_PEM.as_bytes());
    let open = |secret, public| {
        let config = config(|config| {
            config.jwt_hs256_key_file = secret;
            config.jwt_eddsa_public_key_file = public;
        });
        Auth::open(&config).unwrap()
    };
    Keys {
        hs256: open(secret.clone(), None),
        eddsa: open(None, public.clone()),
        both: open(secret, public),
    }
}

#[track_caller]
fn refused(auth: &Auth, token: &str, kind: TokenErrorKind, part: &str) {
    let error = auth.verify(token.as_bytes(), NOW).expect_err(token);
    assert_eq!(error.kind, kind, "{error}");
    assert!(error.to_string().contains(part), "{part:?} is not in {error}");
}

#[track_caller]
fn bad(auth: &Auth, token: &str, part: &str) {
    refused(auth, token, TokenErrorKind::Bad, part);
}

#[test]
fn a_good_token_says_who_and_until_when() {
    let keys = keys();
    let expires_unix_s = NOW + 60;
    let made_at = |issued_unix_s| Ok(Claims { uid: Uid(7), expires_unix_s, issued_unix_s });
    let dated = r#"{"sub":"7","exp":1800000060,"iat":1799999990.5}"#;
    let token = hs256(HS256, dated, SECRET);
    assert_eq!(keys.hs256.verify(token.as_bytes(), NOW), made_at(NOW - 10));
    let claims = made_at(0);
    for auth in [&keys.hs256, &keys.both] {
        assert_eq!(auth.verify(hs256(HS256, GOOD, SECRET).as_bytes(), NOW), claims);
    }
    for auth in [&keys.eddsa, &keys.both] {
        assert_eq!(auth.verify(eddsa(EDDSA, GOOD).as_bytes(), NOW), claims);
    }
}

#[test]
fn the_header_does_not_choose_the_algorithm() {
    let keys = keys();
    let unsigned =
        |header: &str| format!("{}.{}.", base64(header.as_bytes()), base64(GOOD.as_bytes()));
    for auth in [&keys.hs256, &keys.eddsa, &keys.both] {
        for none in ["none", "None", "NONE", "nOnE", ""] {
            bad(auth, &unsigned(&format!(r#"{{"alg":"{none}"}}"#)), "could not be verified");
        }
        bad(auth, &unsigned("{}"), "could not be verified");
        // The classic: the public key, which everybody has, taken for a secret.
        for secret in [PUBLIC_PEM, PUBLIC_PEM.trim_end()] {
            assert!(auth.verify(hs256(HS256, GOOD, secret.as_bytes()).as_bytes(), NOW).is_err());
        }
        for other in ["HS384", "HS512", "RS256", "ES256", "PS256"] {
            let header = format!(r#"{{"alg":"{other}"}}"#);
            bad(auth, &hs256(&header, GOOD, SECRET), "algorithm with no key here");
        }
    }
    bad(&keys.eddsa, &hs256(HS256, GOOD, SECRET), "algorithm with no key here");
    bad(&keys.hs256, &eddsa(EDDSA, GOOD), "algorithm with no key here");
    bad(&keys.both, &hs256(EDDSA, GOOD, SECRET), "could not be verified");
    bad(&keys.both, &eddsa(HS256, GOOD), "could not be verified");
}

#[test]
fn a_key_in_the_header_is_not_taken() {
    let jwk = format!(r#"{{"kty":"oct","k":"{}"}}"#, base64(&[9; 32]));
    let header =
        format!(r#"{{"alg":"HS256","jwk":{jwk},"kid":"../../dev/null","jku":"http://x"}}"#);
    bad(&keys().hs256, &hs256(&header, GOOD, &[9; 32]), "could not be verified");
    let header = r#"{"alg":"HS256","crit":["b64"],"b64":false}"#;
    bad(&keys().hs256, &hs256(header, GOOD, SECRET), "crit");
}

#[test]
fn every_changed_byte_is_noticed() {
    let keys = keys();
    for token in [hs256(HS256, GOOD, SECRET), eddsa(EDDSA, GOOD)] {
        for at in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'B' { b'C' } else { b'B' };
            assert!(keys.both.verify(&changed, NOW).is_err(), "byte {at} of {token}");
            assert!(
                keys.both.verify(&token.as_bytes()[..at], NOW).is_err(),
                "{at} bytes of {token}"
            );
        }
        assert!(keys.both.verify(format!("{token}A").as_bytes(), NOW).is_err());
        assert!(keys.both.verify(format!("{token}.").as_bytes(), NOW).is_err());
    }
}

#[test]
fn times_are_judged_by_the_given_clock_with_leeway() {
    let auth = keys().hs256;
    let at = |claims: &str, now| auth.verify(hs256(HS256, claims, SECRET).as_bytes(), now);
    assert!(at(GOOD, NOW + 60 + 29).is_ok());
    let expired = at(GOOD, NOW + 60 + 30).unwrap_err();
    assert_eq!(expired.kind, TokenErrorKind::Expired);
    assert_eq!(expired.code(), RefusalCode::TokenExpired);
    let nbf = r#"{"sub":"7","exp":1800000900,"nbf":1800000600}"#;
    assert!(at(nbf, NOW + 570).is_ok());
    assert_eq!(at(nbf, NOW + 569).unwrap_err().code(), RefusalCode::BadToken);
    assert_eq!(at(r#"{"sub":"7","exp":1800000060.75}"#, NOW).unwrap().expires_unix_s, NOW + 60);
    assert_eq!(at(r#"{"sub":"7","exp":1e300}"#, u64::MAX - 1).unwrap().expires_unix_s, u64::MAX);
    for exp in ["-1", "0", "-1e300"] {
        let expired = at(&format!(r#"{{"sub":"7","exp":{exp}}}"#), NOW).unwrap_err();
        assert_eq!(expired.kind, TokenErrorKind::Expired, "{exp}");
    }
}

#[test]
fn claims_that_lack_or_twist_something_are_refused() {
    let auth = keys().hs256;
    for exp in ["", r#","exp":null"#, r#","exp":"1800000060""#, r#","exp":[1]"#, r#","exp":1e999"#]
    {
        bad(
            &auth,
            &hs256(HS256, &format!(r#"{{"sub":"7"{exp}}}"#), SECRET),
            "could not be verified",
        );
    }
    for sub in
        [r#""""#, r#""0""#, r#""07""#, r#""+7""#, r#""-7""#, r#"" 7""#, r#""7 ""#, r#""0x7""#]
    {
        bad(
            &auth,
            &hs256(HS256, &format!(r#"{{"sub":{sub},"exp":1800000060}}"#), SECRET),
            "user id",
        );
    }
    for sub in [r#""18446744073709551616""#, r#""seven""#, r#""7.0""#, r#""٧""#, r#""7\u0000""#] {
        bad(
            &auth,
            &hs256(HS256, &format!(r#"{{"sub":{sub},"exp":1800000060}}"#), SECRET),
            "user id",
        );
    }
    for claims in [
        r#"{"exp":1800000060}"#,
        r#"{"sub":7,"exp":1800000060}"#,
        r#"{"sub":null,"exp":1800000060}"#,
        r#"{"sub":["7"],"exp":1800000060}"#,
        r#"{"sub":"7","sub":"8","exp":1800000060}"#,
        r#"{"sub":"7","exp":1,"exp":1800000060}"#,
        r#"{"sub":"7","exp":1800000060,"nbf":"x"}"#,
        r#"{"sub":"7","exp":1800000060,"aud":"elsewhere"}"#,
        "[]",
        "",
        "{",
    ] {
        bad(&auth, &hs256(HS256, claims, SECRET), "could not be verified");
    }
    let of = |uid: u64| hs256(HS256, &format!(r#"{{"sub":"{uid}","exp":1800000060}}"#), SECRET);
    let largest = u64::MAX - RESERVED_UIDS;
    assert_eq!(auth.verify(of(largest).as_bytes(), NOW).unwrap().uid, Uid(largest));
    for reserved in [largest + 1, u64::MAX] {
        bad(&auth, &of(reserved), "has a sub that is reserved");
    }
}

#[test]
fn issuer_and_audience_must_match_when_configured() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(|config| {
        config.jwt_hs256_key_file = file(dir.path(), "secret", SECRET);
        config.jwt_issuer = Some("app".into());
        config.jwt_audience = Some("chat".into());
    });
    let auth = Auth::open(&config).unwrap();
    let with =
        |more: &str| hs256(HS256, &format!(r#"{{"sub":"7","exp":1800000060{more}}}"#), SECRET);
    for good in [r#","iss":"app","aud":"chat""#, r#","iss":"app","aud":["pay","chat"]"#] {
        assert!(auth.verify(with(good).as_bytes(), NOW).is_ok(), "{good}");
    }
    for wrong in [
        "",
        r#","iss":"app""#,
        r#","aud":"chat""#,
        r#","iss":"App","aud":"chat""#,
        r#","iss":"app","aud":["pay"]"#,
        r#","iss":"app","aud":[]"#,
        r#","iss":"app","aud":{}"#,
    ] {
        bad(&auth, &with(wrong), "could not be verified");
    }
    let own = sign(&config, Uid(7), NOW, 60).unwrap();
    assert_eq!(auth.verify(own.as_bytes(), NOW).unwrap().uid, Uid(7));
}

#[test]
fn any_bytes_are_refused_without_harm() {
    let auth = keys().both;
    let deep = format!("{}{}", "[".repeat(700), "]".repeat(700));
    for token in [
        String::new(),
        ".".into(),
        "..".into(),
        "...".into(),
        "a.b.c".into(),
        "é.é.é".into(),
        hs256(&deep, GOOD, SECRET),
        hs256(HS256, &deep, SECRET),
    ] {
        bad(&auth, &token, "could not be verified");
    }
    assert!(auth.verify(&[0xff; 100], NOW).is_err());
    // Signed by who may, and passed over without recursion.
    let nested = hs256(HS256, &format!(r#"{{"sub":"7","exp":1800000060,"x":{deep}}}"#), SECRET);
    assert!(auth.verify(nested.as_bytes(), NOW).is_ok());
    let long = |bytes| {
        let claims = format!(r#"{{"sub":"7","exp":1800000060,"x":"{}"}}"#, "x".repeat(bytes));
        hs256(HS256, &claims, SECRET)
    };
    assert!(auth.verify(long(1_000).as_bytes(), NOW).is_ok());
    bad(&auth, &long(TOKEN_BYTES_MAX), "longer than 2048 bytes");
}
