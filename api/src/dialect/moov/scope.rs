//! The scopes of a token request: our own, and the vendor's, which name resources of its service.
//!
//! `/accounts.read`, `/accounts/{id}/images.read` and `/accounts/{id}/files.read` grant reading
//! images and their history; the same names with `.write` grant reading and writing images. Other
//! scopes grant nothing and are not an error, because clients request a fixed list of many
//! resources.

use std::collections::BTreeSet;

use photolog_domain::{AccountId, Scope};

use crate::error::ApiError;

const READ: [Scope; 2] = [Scope::ImagesRead, Scope::HistoryRead];
const WRITE: [Scope; 2] = [Scope::ImagesRead, Scope::ImagesWrite];

/// What was granted of the requested scopes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Granted {
    /// The rights.
    pub scopes: BTreeSet<Scope>,
    /// The same, in the form in which it was requested.
    pub text: String,
}

/// Every scope that a key holds, in our own form.
pub fn all(held: &BTreeSet<Scope>) -> Granted {
    let names: Vec<_> = held.iter().map(|scope| scope.as_str()).collect();
    Granted {
        scopes: held.clone(),
        text: names.join(" "),
    }
}

/// The requested scopes, restricted to those that the key holds.
///
/// # Errors
/// When a scope names an account other than the client's own.
pub fn narrow(asked: &str, own: AccountId, held: &BTreeSet<Scope>) -> Result<Granted, ApiError> {
    let mut scopes = BTreeSet::new();
    let mut forms = Vec::new();
    for name in asked.split_ascii_whitespace() {
        let Some((resource, wanted)) = read(name, own)? else {
            continue;
        };
        let given: BTreeSet<_> = held.intersection(&wanted).copied().collect();
        let form = match resource {
            _ if given.is_empty() => continue,
            None => name.to_owned(),
            Some(resource) if given.contains(&Scope::ImagesWrite) => format!("{resource}.write"),
            Some(resource) => format!("{resource}.read"),
        };
        if !forms.contains(&form) {
            forms.push(form);
        }
        scopes.extend(given);
    }
    let text = forms.join(" ");
    Ok(Granted { scopes, text })
}

/// The vendor's resource, if it is one of the vendor's scopes, and the rights that it grants.
type Rights = (Option<String>, BTreeSet<Scope>);

/// What a scope grants, if anything.
fn read(name: &str, own: AccountId) -> Result<Option<Rights>, ApiError> {
    if let Ok(scope) = name.parse() {
        return Ok(Some((None, BTreeSet::from([scope]))));
    }
    let Some((path, action)) = name.rsplit_once('.') else {
        return Ok(None);
    };
    let resource = match path.strip_prefix("/accounts/") {
        Some(rest) => {
            let (account, kind) = rest.split_once('/').unwrap_or((rest, ""));
            if account.parse() != Ok(own) {
                return Err(ApiError::invalid(
                    "scope",
                    "names another account than the client's own",
                ));
            }
            matches!(kind, "images" | "files").then(|| format!("/accounts/{own}/{kind}"))
        }
        None => (path == "/accounts").then(|| path.to_owned()),
    };
    let wanted = match action {
        "read" => READ,
        "write" => WRITE,
        _ => return Ok(None),
    };
    Ok(resource.map(|resource| (Some(resource), wanted.into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "0190f7c2-1111-7aaa-8bbb-123456789abc";

    fn narrowed(asked: &str, held: impl IntoIterator<Item = Scope>) -> (String, Vec<Scope>) {
        let asked = asked.replace("{own}", OWN);
        let held = held.into_iter().collect();
        let granted = narrow(&asked, OWN.parse().unwrap(), &held).unwrap();
        (
            granted.text.replace(OWN, "{own}"),
            granted.scopes.into_iter().collect(),
        )
    }

    #[test]
    fn scopes_stand_for_rights_and_come_back_in_their_form() {
        use Scope::{HistoryRead, ImagesRead, ImagesWrite};
        for (asked, scopes) in [
            ("images.read", vec![ImagesRead]),
            ("history.read images.write", vec![ImagesWrite, HistoryRead]),
            ("/accounts.read", vec![ImagesRead, HistoryRead]),
            ("/accounts.write", vec![ImagesRead, ImagesWrite]),
            ("/accounts/{own}/images.read", vec![ImagesRead, HistoryRead]),
            (
                "/accounts/{own}/images.write",
                vec![ImagesRead, ImagesWrite],
            ),
            ("/accounts/{own}/files.read", vec![ImagesRead, HistoryRead]),
            ("/accounts/{own}/files.write", vec![ImagesRead, ImagesWrite]),
            (
                "/accounts.write history.read",
                vec![ImagesRead, ImagesWrite, HistoryRead],
            ),
        ] {
            assert_eq!(narrowed(asked, Scope::ALL), (asked.to_owned(), scopes));
        }
    }

    #[test]
    fn a_grant_is_narrowed_to_what_the_key_has() {
        use Scope::{ImagesRead, ImagesWrite};
        for (asked, held, text, scopes) in [
            ("images.read images.write", ImagesRead, "images.read", 1),
            ("/accounts.write", ImagesRead, "/accounts.read", 1),
            (
                "/accounts.write /accounts.read",
                ImagesRead,
                "/accounts.read",
                1,
            ),
            ("/accounts.write", ImagesWrite, "/accounts.write", 1),
            ("/accounts.read", ImagesWrite, "", 0),
        ] {
            let (given, rights) = narrowed(asked, [held]);
            assert_eq!((given.as_str(), rights.len()), (text, scopes), "{asked}");
        }
    }

    #[test]
    fn scopes_of_other_resources_give_no_right() {
        for foreign in [
            "",
            "/accounts/{own}/profile.read",
            "/accounts/{own}/images.delete",
            "/accounts/{own}.read",
            "/accounts",
            "/fed.read",
            "accounts.read",
            "files.read",
            "openid",
            "IMAGES.READ",
        ] {
            assert_eq!(
                narrowed(foreign, Scope::ALL),
                (String::new(), vec![]),
                "{foreign}"
            );
        }
    }

    #[test]
    fn a_scope_of_another_account_is_refused() {
        let own: AccountId = OWN.parse().unwrap();
        let held = Scope::ALL.into();
        for other in [
            "/accounts/0190f7c2-2222-7aaa-8bbb-123456789abc/images.read",
            "/accounts/0190f7c2-2222-7aaa-8bbb-123456789abc/profile.read",
            "/accounts/x/images.read",
            "images.read /accounts//images.read",
        ] {
            assert!(narrow(other, own, &held).is_err(), "{other}");
        }
        let upper = format!("/accounts/{}/images.read", OWN.to_uppercase());
        assert!(narrow(&upper, own, &held).is_ok());
    }
}
