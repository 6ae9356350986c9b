//! Signed tokens ([RFC 7519](https://www.rfc-editor.org/rfc/rfc7519)) in their compact form, and the keys that verify them
//! ([RFC 7517](https://www.rfc-editor.org/rfc/rfc7517)), as far as ADE takes them: RS256 and ES256, each with its own kind of key.
//! What is in a token can only be had together with a key that has signed it.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Public keys by their ids.
#[derive(Debug, Default)]
pub(super) struct KeySet(Vec<(Option<String>, Key)>);

/// A public key that verifies signatures.
#[derive(Debug, Clone)]
pub(super) enum Key {
    /// RSA: modulus and exponent, big endian.
    Rsa { n: Vec<u8>, e: Vec<u8> },
    /// A point on the curve P-256, uncompressed.
    P256(Vec<u8>),
}

/// A token that has been taken apart but not believed.
#[derive(Debug)]
pub(super) struct Token<'a> {
    header: Header,
    signed: &'a str,
    claims: Vec<u8>,
    signature: Vec<u8>,
}

#[derive(Debug, Deserialize)]
struct Header {
    alg: Algorithm,
    kid: Option<String>,
    /// Extensions that must be understood: none are.
    crit: Option<serde_json::Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Algorithm {
    RS256,
    ES256,
}

impl<'a> Token<'a> {
    /// Takes a token apart; none that has no known algorithm.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let header: Header = serde_json::from_slice(&decoded(header)?).ok()?;
        let token = Self { signed, claims: decoded(claims)?, signature: decoded(signature)?, header };
        token.header.crit.is_none().then_some(token)
    }

    /// The key that it says has signed it.
    pub(super) fn key_id(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// What it says, if `key` has signed it and is a key of the algorithm's kind.
    pub(super) fn claims<T: DeserializeOwned>(&self, key: &Key) -> Option<T> {
        let message = self.signed.as_bytes();
        let verified = match (self.header.alg, key) {
            (Algorithm::RS256, Key::Rsa { n, e }) => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, &self.signature)
            }
            (Algorithm::ES256, Key::P256(point)) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, &self.signature)
            }
            (Algorithm::RS256, Key::P256(_)) | (Algorithm::ES256, Key::Rsa { .. }) => return None,
        };
        verified.ok()?;
        serde_json::from_slice(&self.claims).ok()
    }
}

/// A key as its owner publishes it. Kinds that are not known are passed over.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl KeySet {
    /// Reads a JWK set.
    pub(super) fn parse(json: &[u8]) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Document {
            keys: Vec<Jwk>,
        }
        let document: Document = serde_json::from_slice(json)?;
        Ok(Self(document.keys.into_iter().filter_map(|jwk| Some((jwk.kid.clone(), jwk.key()?))).collect()))
    }

    /// The key with this id; a token without an id is the only key's.
    pub(super) fn find(&self, id: Option<&str>) -> Option<&Key> {
        match (id, self.0.as_slice()) {
            (Some(_), keys) => keys.iter().find(|(known, _)| known.as_deref() == id).map(|(_, key)| key),
            (None, [(_, only)]) => Some(only),
            (None, _) => None,
        }
    }
}

impl Jwk {
    fn key(&self) -> Option<Key> {
        if self.purpose.as_deref().is_some_and(|purpose| purpose != "sig") {
            return None;
        }
        let part = |part: &Option<String>| decoded(part.as_deref()?);
        match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => Some(Key::Rsa { n: part(&self.n)?, e: part(&self.e)? }),
            ("EC", Some("P-256")) => Some(Key::P256([vec![4], part(&self.x)?, part(&self.y)?].concat())),
            _ => None,
        }
    }
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    // RFC 7515, appendix A.2 (RS256) and A.3 (ES256): the same claims, each with its key.
    const CLAIMS: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    const RS256: &str = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    const N: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
    const ES256: &str = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

    fn keys() -> KeySet {
        let (x, y) = ("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0");
        let keys = json!({ "keys": [
            { "kty": "OKP", "crv": "Ed25519", "x": "AA" },
            { "kty": "RSA", "kid": "rsa", "n": N, "e": "AQAB", "use": "sig" },
            { "kty": "EC", "kid": "ec", "crv": "P-256", "x": x, "y": y },
            { "kty": "RSA", "kid": "enc", "n": N, "e": "AQAB", "use": "enc" },
        ]});
        KeySet::parse(keys.to_string().as_bytes()).unwrap()
    }

    fn verified(text: &str, key: &str) -> Option<Value> {
        Token::parse(text)?.claims(keys().find(Some(key))?)
    }

    #[test]
    fn the_examples_of_the_standard_verify() {
        let (rs256, es256) = (format!("eyJhbGciOiJSUzI1NiJ9.{CLAIMS}.{RS256}"), format!("eyJhbGciOiJFUzI1NiJ9.{CLAIMS}.{ES256}"));
        for (token, key) in [(&rs256, "rsa"), (&es256, "ec")] {
            assert_eq!(verified(token, key).unwrap()["iss"], "joe");
        }
        for (token, key) in [(&rs256, "ec"), (&es256, "rsa"), (&rs256, "enc"), (&rs256, "other")] {
            assert_eq!(verified(token, key), None, "{key}");
        }
        let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
        let hmac = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#);
        let critical = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","crit":["b64"]}"#);
        for header in [none, hmac, critical] {
            assert_eq!(verified(&format!("{header}.{CLAIMS}.{RS256}"), "rsa"), None);
            assert_eq!(verified(&format!("{header}.{CLAIMS}."), "rsa"), None);
        }
        assert!(keys().find(None).is_none(), "no key is meant when there are several");
    }

    proptest! {
        #[test]
        fn no_other_text_verifies(at in 0usize..300, byte in "[A-Za-z0-9_.-]", text in "\\PC{0,60}") {
            let whole = format!("eyJhbGciOiJFUzI1NiJ9.{CLAIMS}.{ES256}");
            let at = at.min(whole.len() - 1);
            let changed = format!("{}{byte}{}", &whole[..at], &whole[at + 1..]);
            prop_assert!(changed == whole || verified(&changed, "ec").is_none());
            prop_assert!(verified(&text, "rsa").is_none());
        }
    }
}
