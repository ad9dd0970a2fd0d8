//! No role implies line authority: over the reviewed policy tables of all services, a role in the organisation opens only
//! what is written down here, and nothing of it decides for, over or about another person's support.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The words of standing that come with a role in the organisation, as the policies know them.
const ROLE_WORDS: &[&str] = &["administrator", "checks", "privacy_lead", "stands_in", "organisation_role"];

/// Roles of the organisation that no policy names at all: they say what somebody does, and open nothing.
const NAMES_ONLY: &[&str] =
    &["registered_manager", "coach", "safeguarding_lead", "hr_support", "platform_support", "admin_team"];

/// Why a role may open something without being over anybody.
const PLACE: &str = "sets up the place, which is nobody's person";
const DOOR: &str = "who is let into the place and with which role; what they do there is theirs";
const PAPERS: &str = "records what somebody else showed, and never their own";
const RIGHTS: &str = "answers what a person asked for about their own data, or keeps it";
const REVIEW: &str = "looks over emergency looks afterwards, and never their own";
const FOUNDING: &str =
    "before the place is live, or for a Circle that has nobody yet; each person says yes themselves";
const LOOK: &str = "an emergency look: short, stated, told, reviewed, and it changes nothing";

/// The reviewed list: what a role alone opens, by service, and why that is no authority over another person.
const OPENED: &[(&str, &str, &str)] = &[
    ("identity", "GoLive", PLACE),
    ("identity", "InvitePerson", DOOR),
    (
        "identity",
        "GetPeople",
        "the name of whom they let in, whose papers they compare or whose request they answer",
    ),
    ("identity", "ListPeople", DOOR),
    ("identity", "SetRoles", DOOR),
    ("identity", "UpdateTenantProfile", PLACE),
    ("identity", "ClosePlace", "on the person's own request, with the day on which they asked"),
    ("identity", "RecordRepresentative", PAPERS),
    ("identity", "ConfirmRepresentative", PAPERS),
    ("identity", "EndRepresentative", PAPERS),
    ("identity", "ListRepresentatives", PAPERS),
    ("identity", "RecordLegalFact", PAPERS),
    ("identity", "CorrectLegalFact", PAPERS),
    ("identity", "ConfirmOriginal", PAPERS),
    ("identity", "EndLegalFact", PAPERS),
    ("identity", "ListLegalFacts", PAPERS),
    ("identity", "ListLegalFactVersions", PAPERS),
    ("identity", "ListBreakGlassReviews", REVIEW),
    ("identity", "CloseBreakGlassReview", REVIEW),
    ("identity", "AddIntegrator", PLACE),
    ("identity", "ListIntegrators", PLACE),
    ("identity", "RevokeIntegrator", PLACE),
    ("identity", "SetProvider", PLACE),
    ("identity", "RemoveProvider", PLACE),
    ("identity", "OpenAccessRequest", RIGHTS),
    ("identity", "OrderErasure", RIGHTS),
    ("identity", "GetErasure", RIGHTS),
    ("identity", "ListErasures", RIGHTS),
    ("identity", "SetLegalHold", RIGHTS),
    ("identity", "LiftLegalHold", RIGHTS),
    ("identity", "SetRetentionClass", PLACE),
    ("matching", "GetGiver", PAPERS),
    ("matching", "ListGivers", PAPERS),
    ("matching", "RecordReadiness", PAPERS),
    ("finance", "AddFoundingRule", FOUNDING),
    ("governance", "CreateCircle", FOUNDING),
    ("governance", "InviteCircleMember", FOUNDING),
    ("governance", "ProposeCircleHat", FOUNDING),
];

/// What only the two sides of support decide about. No role ever opens an action of these services.
const OF_THE_PEOPLE_ALONE: &[&str] = &["teams", "appointments"];

/// Whether a word of the table, or one of several that have to go together, comes with a role.
fn is_role(words: &str) -> bool {
    words.split('+').any(|word| ROLE_WORDS.contains(&word))
}

/// The reviewed table of a service: action to words.
fn table(service: &str) -> BTreeMap<String, BTreeSet<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../services").join(service).join("tests");
    let text = std::fs::read_to_string(root.join("policy_table.txt")).expect("a reviewed table");
    let line = |line: &str| {
        let (action, words) = line.split_once(": ").expect("action: words");
        (action.to_owned(), words.split(' ').map(str::to_owned).collect())
    };
    text.lines().map(line).collect()
}

/// Proves ID-03.
#[test]
fn no_role_in_the_organisation_is_an_authority_over_another_person() {
    let (mut seen, mut wrong, mut actions) = (BTreeSet::new(), Vec::new(), 0);
    for service in kith_tests::services() {
        for (action, words) in table(service.name) {
            actions += 1;
            let roles: Vec<&String> = words.iter().filter(|words| is_role(words)).collect();
            if roles.is_empty() {
                continue;
            }
            if OF_THE_PEOPLE_ALONE.contains(&service.name) {
                wrong.push(format!("{}: {action} is opened by {roles:?}", service.name));
            }
            let reviewed = OPENED.iter().any(|(of, name, _)| *of == service.name && *name == action);
            if !reviewed {
                wrong.push(format!(
                    "{}: {action} is opened by {roles:?} and nobody has said why",
                    service.name
                ));
            }
            seen.insert((service.name, action));
        }
        let policy = service.policy.0;
        for name in NAMES_ONLY {
            // A hat of a Team has the same name as a role; what a hat may is the Team's.
            if policy.contains(&format!("\"{name}\"")) && *name != "safeguarding_lead" {
                wrong.push(format!("{}: the policy names the role {name}", service.name));
            }
        }
    }
    for (service, action, _) in OPENED {
        if !seen.contains(&(*service, (*action).to_owned())) {
            wrong.push(format!("{service}: {action} is on the list, and no role opens it"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    println!(
        "{actions} actions of seven policies: a role of the organisation opens {}, each reviewed; of teams and \
         appointments 0 (emergency looks aside: {LOOK}); six roles open nothing at all",
        seen.len()
    );
}
