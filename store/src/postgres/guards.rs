//! The guards of the tables in PostgreSQL: shape, triggers and functions, settings, rights. The state
//! that the migrations create is in `schema.txt`, as the server itself reports it.

use std::collections::BTreeMap;

use sqlx::Row;
use sqlx::postgres::PgConnection;

use crate::StoreError;
use crate::snapshot::{GuardFault, compare_guards};

/// The schema that the migrations create, as [`FOUND`] reports it: per line a subject, a tab and a
/// definition.
const SCHEMA: &str = include_str!("schema.txt");

/// The full definition of our tables. Constraints and indexes are identified by their definitions,
/// because they have other names after a rebuild of the view.
const FOUND: &str = "
WITH ours AS (
  SELECT oid, relname, relpersistence, relrowsecurity FROM pg_class
  WHERE relkind IN ('r', 'p') AND relnamespace = current_schema()::regnamespace
    AND relname = ANY ($1))
SELECT 'table ' || relname,
       CASE relpersistence WHEN 'p' THEN 'kept in a crash' ELSE 'emptied by a crash' END
       || CASE WHEN relrowsecurity THEN ', with row security' ELSE '' END
FROM ours
UNION ALL
SELECT 'column ' || relname || '.' || attname,
       concat_ws(' ', format_type(atttypid, atttypmod), CASE WHEN attnotnull THEN 'NOT NULL' END,
         CASE WHEN attgenerated = '' THEN 'DEFAULT ' ELSE 'GENERATED ' END
           || pg_get_expr(adbin, adrelid),
         CASE WHEN attidentity <> '' THEN 'IDENTITY' END)
FROM ours JOIN pg_attribute ON attrelid = ours.oid
LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE attnum > 0 AND NOT attisdropped
UNION ALL
SELECT 'constraint of ' || relname || ': ' || pg_get_constraintdef(pg_constraint.oid, true),
       'is there'
FROM ours JOIN pg_constraint ON conrelid = ours.oid WHERE contype IN ('p', 'u', 'c', 'f', 'x', 't')
UNION ALL
SELECT 'index of ' || relname || ': '
       || CASE WHEN indisunique THEN 'unique ' ELSE '' END
       || regexp_replace(pg_get_indexdef(indexrelid), '^.* USING ', ''),
       CASE WHEN indisvalid THEN 'is there' ELSE 'is not finished' END
FROM ours JOIN pg_index ON indrelid = ours.oid
WHERE NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid)
UNION ALL
SELECT 'trigger ' || tgname,
       pg_get_triggerdef(pg_trigger.oid, true) || CASE tgenabled
         WHEN 'O' THEN ', enabled' WHEN 'A' THEN ', enabled'
         WHEN 'R' THEN ', enabled on replicas only' ELSE ', disabled' END
FROM ours JOIN pg_trigger ON tgrelid = ours.oid WHERE NOT tgisinternal
UNION ALL
SELECT 'rule ' || rulename, pg_get_ruledef(pg_rewrite.oid, true)
FROM ours JOIN pg_rewrite ON ev_class = ours.oid
UNION ALL
SELECT 'row policy ' || polname || ' of ' || relname, 'is there'
FROM ours JOIN pg_policy ON polrelid = ours.oid
UNION ALL
SELECT 'heir ' || inhrelid::regclass || ' of ' || relname, 'is there'
FROM ours JOIN pg_inherits ON inhparent = ours.oid
UNION ALL
SELECT 'function ' || proname, prosrc FROM pg_proc
WHERE pronamespace = current_schema()::regnamespace
  AND proname IN ('refuse_change', 'queue_for_sealing', 'grant_photolog_to')
UNION ALL
SELECT 'setting session_replication_role', current_setting('session_replication_role')
UNION ALL
SELECT 'setting ' || split_part(setting, '=', 1) || ' of '
       || coalesce('role ' || rolname, 'the database'), split_part(setting, '=', 2)
FROM pg_db_role_setting CROSS JOIN LATERAL unnest(setconfig) AS setting
LEFT JOIN pg_roles ON pg_roles.oid = setrole
WHERE setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
  AND split_part(setting, '=', 1) IN ('session_replication_role', 'default_transaction_read_only')";

/// Tables with a single row, which statements update but never insert.
const SINGLE_ROWS: &str = "
SELECT 'rows of lead', count(*)::text FROM lead
UNION ALL
SELECT 'rows of lease', count(*)::text FROM lease";

/// The tables, and the rights on each of a role that runs Photolog.
const RIGHTS: [(&str, &[&str]); 17] = [
    ("events", &["SELECT", "INSERT"]),
    ("event_log", &["SELECT", "INSERT"]),
    ("unsealed", CHANGE),
    ("claims", CHANGE),
    ("image_counts", CHANGE),
    ("accounts", CHANGE),
    ("keys", CHANGE),
    ("key_uses", CHANGE),
    ("secrets", CHANGE),
    ("token_families", CHANGE),
    ("idempotency_keys", CHANGE),
    ("checkpoints", CHANGE),
    ("image_view", CHANGE),
    ("installation", CHANGE),
    ("lead", &["SELECT", "UPDATE"]),
    ("lease", &["SELECT", "UPDATE"]),
    ("photolog_migrations", &["SELECT"]),
];

const CHANGE: &[&str] = &["SELECT", "INSERT", "UPDATE", "DELETE"];

/// Each role's rights, and whether it is the owner; PUBLIC is every role. Includes rights to single
/// columns.
const GRANTED: &str = "
SELECT coalesce(rolname, 'PUBLIC')::text, relname::text, privilege_type::text, grantee = relowner
FROM (
  SELECT relname, relowner, relnamespace, coalesce(relacl, acldefault('r', relowner)) AS acl
  FROM pg_class
  UNION ALL
  SELECT relname, relowner, relnamespace, attacl FROM pg_class JOIN pg_attribute
    ON attrelid = pg_class.oid WHERE attacl IS NOT NULL) AS held
CROSS JOIN LATERAL aclexplode(acl) AS right_of
LEFT JOIN pg_roles ON pg_roles.oid = grantee
WHERE relnamespace = current_schema()::regnamespace AND relname = ANY ($1)";

pub(super) async fn faults(connection: &mut PgConnection) -> Result<Vec<GuardFault>, StoreError> {
    let tables = RIGHTS.map(|(table, _)| table);
    let mut found = BTreeMap::new();
    let shape = sqlx::query(FOUND).bind(tables).fetch_all(&mut *connection);
    for row in shape.await? {
        found.insert(row.try_get(0)?, row.try_get(1)?);
    }
    let has_single_rows = ["table lead", "table lease"].map(|table| found.contains_key(table));
    if has_single_rows == [true, true] {
        for row in sqlx::query(SINGLE_ROWS).fetch_all(&mut *connection).await? {
            found.insert(row.try_get(0)?, row.try_get(1)?);
        }
    }
    let expected = SCHEMA.lines().filter_map(|line| line.split_once('\t'));
    let expected = expected.map(|(subject, guard)| (subject.to_owned(), guard.to_owned()));
    let mut faults = compare_guards(expected.collect(), found);

    let mut roles: BTreeMap<(String, bool), Vec<(String, String)>> = BTreeMap::new();
    let granted = sqlx::query(GRANTED).bind(tables).fetch_all(connection);
    for row in granted.await? {
        let right = (row.try_get(1)?, row.try_get(2)?);
        let role = (row.try_get(0)?, row.try_get(3)?);
        roles.entry(role).or_default().push(right);
    }
    for ((role, is_owner), rights) in &roles {
        faults.extend(rights_of(role, *is_owner, rights));
    }
    Ok(faults)
}

/// The owner of the tables and any role that may insert events run Photolog and need all of its
/// rights; other roles may have some of them. Only the owner may have more, and PUBLIC none.
fn rights_of(role: &str, is_owner: bool, held: &[(String, String)]) -> Vec<GuardFault> {
    let mut faults = Vec::new();
    let has = |table: &str, right: &str| held.iter().any(|(t, r)| t == table && r == right);
    let runs_photolog = is_owner || has("events", "INSERT");
    for (table, rights) in RIGHTS {
        let subject = || format!("rights of {role} on {table}");
        let most: &[&str] = if role == "PUBLIC" { &[] } else { rights };
        let surplus = held
            .iter()
            .filter(|(of, right)| of == table && !is_owner && !most.contains(&right.as_str()));
        faults.extend(surplus.map(|(_, right)| GuardFault {
            subject: subject(),
            expected: Some(format!("no {right}")),
            found: Some(right.clone()),
        }));
        let lacking = most
            .iter()
            .filter(|right| runs_photolog && !has(table, right));
        faults.extend(lacking.map(|right| GuardFault {
            subject: subject(),
            expected: Some((*right).to_owned()),
            found: None,
        }));
    }
    faults
}
