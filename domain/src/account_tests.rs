//! The rules of the `Account` aggregate, as given / when / then.

use super::*;
use crate::content::ContentHash;
use crate::key::{KeyVerifiers, Scope};
use crate::name::Name;

fn at() -> Timestamp {
    "2026-11-21T04:36:26.000Z".parse().unwrap()
}

fn key_id() -> KeyId {
    "plk_abcdefghijklmnop".parse().unwrap()
}

fn key() -> Key {
    let verifiers = KeyVerifiers {
        secret_sha256: ContentHash::new([7; 32]),
        signing_sha1: [7; 20],
    };
    Key::new(&verifiers, Scope::ALL)
}

fn given(events: impl IntoIterator<Item = AccountEvent>) -> Account {
    let mut account = Account::default();
    events.into_iter().for_each(|event| account.apply(event));
    account
}

fn opened() -> AccountEvent {
    AccountEvent::AccountOpened {
        at: at(),
        name: "demo".into(),
        image_limit: None,
    }
}

fn issued() -> AccountEvent {
    AccountEvent::KeyIssued {
        at: at(),
        key_id: key_id(),
        key: key(),
    }
}

fn revoked() -> AccountEvent {
    AccountEvent::KeyRevoked {
        at: at(),
        key_id: key_id(),
    }
}

#[test]
fn a_key_is_issued_and_revoked_once() {
    let issue = AccountCommand::IssueKey {
        key_id: key_id(),
        key: key(),
    };
    let revoke = AccountCommand::RevokeKey { key_id: key_id() };
    assert_eq!(
        given([opened()]).decide(issue.clone(), at()),
        Ok(vec![issued()])
    );
    assert_eq!(
        given([opened(), issued()]).decide(issue.clone(), at()),
        Err(AccountError::KeyExists(key_id()))
    );
    assert_eq!(
        given([opened(), issued()]).decide(revoke.clone(), at()),
        Ok(vec![revoked()])
    );
    assert_eq!(
        given([opened(), issued(), revoked()]).decide(revoke.clone(), at()),
        Ok(vec![])
    );
    assert_eq!(
        given([opened(), issued(), revoked()]).decide(issue, at()),
        Err(AccountError::KeyExists(key_id()))
    );
    assert_eq!(
        given([opened()]).decide(revoke.clone(), at()),
        Err(AccountError::KeyNotFound(key_id()))
    );
    assert_eq!(given([]).decide(revoke, at()), Err(AccountError::NotFound));
}

#[test]
fn a_revoked_key_stays_known() {
    let account = given([opened(), issued(), revoked()]);
    let state = account.state().unwrap();
    let issued = &state.keys[&key_id()];
    assert_eq!((issued.issued_at, issued.revoked_at), (at(), Some(at())));
    assert_eq!(state.key_state(issued, at()), KeyState::Revoked);
}

#[test]
fn an_unchanged_limit_emits_nothing() {
    let account = given([opened()]);
    assert_eq!(
        account.decide(AccountCommand::SetImageLimit(None), at()),
        Ok(vec![])
    );
    assert_eq!(
        account.decide(AccountCommand::SetImageLimit(Some(300)), at()),
        Ok(vec![AccountEvent::ImageLimitSet {
            at: at(),
            image_limit: Some(300)
        }])
    );
}

fn later() -> Timestamp {
    "2027-11-21T04:36:26.000Z".parse().unwrap()
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn reason(text: &str) -> Option<Reason> {
    Some(text.parse().unwrap())
}

fn suspended(why: &str) -> AccountEvent {
    AccountEvent::AccountSuspended {
        at: at(),
        reason: reason(why),
    }
}

fn closed(why: &str) -> AccountEvent {
    AccountEvent::AccountClosed {
        at: at(),
        reason: reason(why),
    }
}

#[test]
fn an_account_is_renamed_once() {
    let rename = |text| AccountCommand::Rename(name(text));
    let renamed = AccountEvent::AccountRenamed {
        at: at(),
        name: name("shop"),
    };
    let account = given([opened()]);
    assert_eq!(account.decide(rename("demo"), at()), Ok(vec![]));
    assert_eq!(
        account.decide(rename("shop"), at()),
        Ok(vec![renamed.clone()])
    );
    let account = given([opened(), renamed]);
    assert_eq!(account.state().unwrap().name, "shop");
    assert_eq!(account.decide(rename("shop"), at()), Ok(vec![]));
}

/// Each command on an account in each state: the name of its event, nothing, or the reason for
/// refusal.
#[test]
fn an_account_is_suspended_resumed_closed_and_reopened() {
    let suspend = AccountCommand::Suspend {
        reason: reason("unpaid"),
    };
    let close = AccountCommand::Close {
        reason: reason("left"),
    };
    let outcome = |before: &[AccountEvent], command: &AccountCommand| {
        let account = given([&[opened()], before].concat());
        let events = account.decide(command.clone(), at());
        events.map(|events| events.first().map(AccountEvent::name))
    };
    let (ok, nothing) = (|name| Ok(Some(name)), Ok(None));
    let is_closed = Err(AccountError::Closed);
    let (resume, reopen) = (AccountCommand::Resume, AccountCommand::Reopen);
    for (before, expected) in [
        (
            vec![],
            [
                ok("AccountSuspended"),
                nothing.clone(),
                ok("AccountClosed"),
                nothing.clone(),
            ],
        ),
        (
            vec![suspended("unpaid")],
            [
                nothing.clone(),
                ok("AccountResumed"),
                ok("AccountClosed"),
                Err(AccountError::Suspended),
            ],
        ),
        (
            vec![suspended("unpaid"), closed("left")],
            [
                is_closed.clone(),
                is_closed.clone(),
                nothing.clone(),
                ok("AccountReopened"),
            ],
        ),
    ] {
        let outcomes = [&suspend, &resume, &close, &reopen].map(|wish| outcome(&before, wish));
        assert_eq!(outcomes, expected, "{before:?}");
    }
    let another = AccountCommand::Suspend { reason: None };
    assert_eq!(
        outcome(&[suspended("unpaid")], &another),
        ok("AccountSuspended")
    );
}

#[test]
fn the_status_says_why() {
    let status = |events: &[AccountEvent]| {
        let account = given([&[opened()], events].concat());
        account.state().unwrap().status.to_string()
    };
    assert_eq!(status(&[]), "open");
    assert_eq!(status(&[suspended("unpaid")]), "suspended: unpaid");
    assert_eq!(
        status(&[suspended("unpaid"), closed("left")]),
        "closed: left"
    );
    let reopened = AccountEvent::AccountReopened { at: at() };
    assert_eq!(status(&[closed("left"), reopened]), "open");
    let resumed = AccountEvent::AccountResumed { at: at() };
    assert_eq!(status(&[suspended("unpaid"), resumed]), "open");
}

#[test]
fn a_key_works_until_it_expires_and_while_its_account_is_open() {
    let issued = AccountEvent::KeyIssued {
        at: at(),
        key_id: key_id(),
        key: Key {
            expires_at: Some(later()),
            ..key()
        },
    };
    let state = |more: &[AccountEvent], now| {
        let account = given([&[opened(), issued.clone()], more].concat());
        let state = account.state().unwrap();
        state.key_state(&state.keys[&key_id()], now)
    };
    let before = Timestamp::from_unix_millis(later().unix_millis() - 1).unwrap();
    assert_eq!(state(&[], before), KeyState::Works);
    assert_eq!(state(&[], later()), KeyState::Expired);
    assert_eq!(state(&[suspended("unpaid")], before), KeyState::Suspended);
    assert_eq!(state(&[closed("left")], before), KeyState::Closed);
    assert_eq!(
        state(&[revoked(), closed("left")], later()),
        KeyState::Revoked
    );
}

#[test]
fn a_key_that_could_never_work_is_not_issued() {
    let issue = |key| AccountCommand::IssueKey {
        key_id: key_id(),
        key,
    };
    let account = given([opened()]);
    let ended = Key {
        expires_at: Some(at()),
        ..key()
    };
    let useless = Key {
        scopes: [].into(),
        ..key()
    };
    for key in [ended, useless] {
        let refused = account.decide(issue(key), at());
        assert!(
            matches!(refused, Err(AccountError::Invalid(_))),
            "{refused:?}"
        );
    }
    let account = given([opened(), closed("left")]);
    assert_eq!(
        account.decide(issue(key()), at()),
        Err(AccountError::Closed)
    );
}

#[test]
fn an_account_with_newer_events_takes_neither_commands_nor_keys() {
    let mut account = given([opened(), issued()]);
    account.apply_newer();
    account.apply(AccountEvent::AccountResumed { at: at() });
    for command in [
        AccountCommand::Rename("Web shop".parse().unwrap()),
        AccountCommand::Resume,
        AccountCommand::RevokeKey { key_id: key_id() },
    ] {
        let refused = account.decide(command, at());
        assert_eq!(refused, Err(AccountError::WrittenByNewerVersion));
    }
    let state = account.state().unwrap();
    let issued = &state.keys[&key_id()];
    assert_eq!(state.key_state(issued, at()), KeyState::Newer);
}
