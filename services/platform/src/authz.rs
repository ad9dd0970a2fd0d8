//! Who may: *actor, action, resource, context* put to Cedar. Denies by default.
//!
//! A service's `policy.cedar` decides from the actor's standing, which `app` computes from the service's own tables as
//! a set of words ("owner", "member", "checks"). The rules are data that members can read.

use std::collections::{BTreeSet, HashMap};
use std::str::FromStr as _;
use std::sync::{PoisonError, RwLock};

use cedar_policy::{
    Authorizer, Context, Decision, Entities, EntityId, EntityTypeName, EntityUid, PolicySet,
    PrincipalConstraint, Request, ResourceConstraint, RestrictedExpression, Schema, ValidationMode,
    Validator,
};

use crate::consent::Basis;
use crate::context::Actor;
use crate::id::{PersonId, Uuid};

/// The word of who opened an emergency look.
const BREAK_GLASS: &str = "break_glass";

/// What the actor is to the resource, in words that the policy knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    words: BTreeSet<&'static str>,
    /// The emergency look that it rests on.
    look: Option<Uuid>,
    /// The consents that it rests on, each with its version.
    consents: Vec<String>,
}

impl Standing {
    /// Nobody in particular.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a word where it applies.
    #[must_use]
    pub fn with(mut self, word: &'static str, applies: bool) -> Self {
        if applies {
            self.words.insert(word);
        }
        self
    }

    /// Adds the word "consented" where a consent in force is the reason, and names it in the basis.
    #[must_use]
    pub fn by_consent(mut self, consent: Option<Basis>) -> Self {
        if let Some(Basis { consent_id, version }) = consent {
            self.words.insert("consented");
            self.consents.push(format!("consent:{consent_id}/{version}"));
        }
        self
    }

    /// Adds the word "representative" where somebody acts for the person it is about, and the word of the basis on which
    /// they do (see [`crate::representative::basis`]).
    #[must_use]
    pub fn representing(self, basis: Option<&'static str>) -> Self {
        match basis {
            Some(basis) => self.with("representative", true).with(basis, true),
            None => self,
        }
    }

    /// Whether a word applies.
    pub fn is(&self, word: &str) -> bool {
        self.words.contains(word)
    }

    /// Adds "break_glass", with the emergency look that it stands for: where the other words do not let somebody see it.
    #[must_use]
    pub fn under_break_glass(mut self, look: Uuid) -> Self {
        self.words.insert(BREAK_GLASS);
        self.look = Some(look);
        self
    }

    /// The words, for the audit: the basis of a decision. Consents are named. An emergency look counts only where nothing
    /// else lets somebody see it, so it alone is the basis then.
    pub fn basis(&self) -> String {
        if let Some(look) = self.look {
            return format!("{BREAK_GLASS}:{look}");
        }
        let words = self.words.iter().map(|word| (*word).to_owned());
        words.chain(self.consents.iter().cloned()).collect::<Vec<_>>().join(" ")
    }
}

/// An action of a service's policy.
pub trait Action: Copy {
    /// The name in the policy; that of the RPC.
    fn name(self) -> &'static str;
    /// The action with which one sees the resource. Who may not see it gets NOT_FOUND, who may gets PERMISSION_DENIED.
    /// `None` where there is nothing to hide, such as creating.
    fn seen_by(self) -> Option<Self>;
}

/// Defines a service's actions, one for each RPC by its name, each with the action by which its subject is seen:
/// `actions! { StartTeam, GetTeam seen by GetTeam, SignPromise seen by GetTeam }`.
#[macro_export]
macro_rules! actions {
    ($($name:ident $(seen by $see:ident)?),+ $(,)?) => {
        /// What somebody wants to do: one for each RPC, by its name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[expect(missing_docs, reason = "each is named after its RPC, which says what it does")]
        pub enum Action { $($name),+ }

        impl Action {
            /// Every action, for the reviewed table.
            pub const ALL: &[Self] = &[$(Self::$name),+];
        }

        impl $crate::authz::Action for Action {
            fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),+ }
            }

            fn seen_by(self) -> Option<Self> {
                match self { $(Self::$name => $crate::actions!(@see $($see)?)),+ }
            }
        }
    };
    (@see) => { None };
    (@see $see:ident) => { Some(Self::$see) };
}

/// What is acted on, and whom it is about.
#[derive(Clone, Copy, Debug)]
pub struct Subject {
    /// Such as `team`; also the word in "team not found".
    pub kind: &'static str,
    /// Its id.
    pub id: Uuid,
    /// The person whom it is about, if it is about one.
    pub person: Option<PersonId>,
}

impl Subject {
    /// Something that is about a person.
    pub fn about(kind: &'static str, id: impl Into<Uuid>, person: PersonId) -> Self {
        Self { kind, id: id.into(), person: Some(person) }
    }

    /// Something that is about nobody in particular.
    pub fn of(kind: &'static str, id: impl Into<Uuid>) -> Self {
        Self { kind, id: id.into(), person: None }
    }
}

/// What holds in every service.
const COMMON_RULES: &str = include_str!("../policy/policy.cedar");
const COMMON_SCHEMA: &str = include_str!("../policy/schema.cedarschema");

/// A service's rules.
#[derive(Debug)]
pub struct Policy {
    authorizer: Authorizer,
    rules: PolicySet,
    entities: Entities,
    person: EntityTypeName,
    action: EntityTypeName,
    record: EntityTypeName,
    /// Decisions made before, where no rule looks at who or what it is about but by the standing.
    decided: Option<RwLock<Decided>>,
}

/// By action and words of standing.
type Decided = HashMap<(String, Vec<&'static str>), bool>;

/// How many decisions are kept: more than any table of actions and standings has in use.
const MOST_DECIDED: usize = 10_000;

/// Whether the same action with the same standing is decided the same whoever acts on whatever: no rule names a principal
/// or a resource, in its head or in its conditions.
fn is_by_standing_alone(rules: &PolicySet) -> bool {
    rules.policies().all(|rule| {
        let anybody = rule.principal_constraint() == PrincipalConstraint::Any
            && rule.resource_constraint() == ResourceConstraint::Any;
        let conditions = rule.to_json().ok().map(|json| json["conditions"].to_string());
        anybody
            && conditions.is_some_and(|text| {
                !text.contains(r#""Var":"principal""#) && !text.contains(r#""Var":"resource""#)
            })
    })
}

impl Policy {
    /// Reads a service's rules and schema, adds what holds in every service, and checks the one against the other.
    pub fn new(rules: &str, schema: &str) -> anyhow::Result<Self> {
        let (schema, _) = Schema::from_cedarschema_str(&format!("{schema}\n{COMMON_SCHEMA}"))?;
        let rules = PolicySet::from_str(&format!("{rules}\n{COMMON_RULES}"))?;
        let checked = Validator::new(schema).validate(&rules, ValidationMode::Strict);
        if !checked.validation_passed() {
            let problems: Vec<String> = checked.validation_errors().map(ToString::to_string).collect();
            anyhow::bail!("the policy does not fit its schema: {}", problems.join("; "));
        }
        let decided = is_by_standing_alone(&rules).then(RwLock::default);
        Ok(Self {
            decided,
            authorizer: Authorizer::new(),
            rules,
            entities: Entities::empty(),
            person: "Person".parse()?,
            action: "Action".parse()?,
            record: "Record".parse()?,
        })
    }

    /// Whether this actor, with this standing, may do this. Any error in a rule is a no.
    pub fn allows(&self, actor: Actor, action: &str, subject: &Subject, standing: &Standing) -> bool {
        let Some(decided) = &self.decided else {
            return self.decides(actor, action, subject, standing);
        };
        let asked = (action.to_owned(), standing.words.iter().copied().collect::<Vec<_>>());
        if let Some(allowed) = decided.read().unwrap_or_else(PoisonError::into_inner).get(&asked) {
            return *allowed;
        }
        let allowed = self.decides(actor, action, subject, standing);
        let mut decided = decided.write().unwrap_or_else(PoisonError::into_inner);
        if decided.len() < MOST_DECIDED {
            decided.insert(asked, allowed);
        }
        allowed
    }

    /// Puts it to Cedar.
    fn decides(&self, actor: Actor, action: &str, subject: &Subject, standing: &Standing) -> bool {
        let uid = |kind: &EntityTypeName, id: &str| {
            EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
        };
        let words = standing.words.iter().map(|word| RestrictedExpression::new_string((*word).to_owned()));
        let context = Context::from_pairs([("standing".to_owned(), RestrictedExpression::new_set(words))]);
        let request = context.ok().and_then(|context| {
            Request::new(
                uid(&self.person, &actor.id().to_string()),
                uid(&self.action, action),
                uid(&self.record, &subject.id.to_string()),
                context,
                None,
            )
            .ok()
        });
        let Some(request) = request else {
            return false;
        };
        let answer = self.authorizer.is_authorized(&request, &self.rules, &self.entities);
        answer.decision() == Decision::Allow && answer.diagnostics().errors().next().is_none()
    }

    /// The whole table of standing × action, one line an action, for the reviewed snapshot of each service.
    pub fn table(&self, actions: &[&str], words: &[&'static str]) -> String {
        let subject = Subject::of("record", Uuid::nil());
        let mut table = String::new();
        for action in actions {
            let allowed: Vec<&str> = words
                .iter()
                .copied()
                .filter(|word| {
                    self.allows(Actor::Nobody, action, &subject, &Standing::new().with(word, true))
                })
                .collect();
            let allowed = if allowed.is_empty() { "nobody".into() } else { allowed.join(" ") };
            table.extend([action, ": ", &allowed, "\n"]);
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = "entity Person; entity Record; \
        action See, Change appliesTo { principal: [Person], resource: [Record], context: { standing: Set<String> } };";

    #[test]
    fn a_policy_decides_by_standing_and_denies_by_default() {
        let policy = Policy::new(
            r#"permit (principal, action == Action::"See", resource) when { context.standing.containsAny(["owner", "member"]) };"#,
            SCHEMA,
        )
        .expect("a policy");
        assert_eq!(
            policy.table(&["See", "Change"], &["owner", "member", "anyone"]),
            "See: owner member\nChange: nobody\n"
        );
    }

    #[test]
    fn decisions_are_kept_only_where_no_rule_looks_at_who_or_what() {
        let by_standing = r#"permit (principal, action == Action::"See", resource) when { context.standing.contains("owner") };"#;
        for (rule, kept) in [
            (by_standing, true),
            (r#"permit (principal == Person::"p", action == Action::"See", resource);"#, false),
            (r#"permit (principal, action == Action::"See", resource == Record::"r");"#, false),
            (
                r#"permit (principal, action == Action::"See", resource) when { principal == Person::"p" };"#,
                false,
            ),
            (
                r#"permit (principal, action == Action::"See", resource) unless { resource == Record::"r" };"#,
                false,
            ),
        ] {
            let policy = Policy::new(rule, SCHEMA).expect("a policy");
            assert_eq!(policy.decided.is_some(), kept, "{rule}");
        }
        let policy = Policy::new(by_standing, SCHEMA).expect("a policy");
        let (subject, owner) = (Subject::of("record", Uuid::nil()), Standing::new().with("owner", true));
        for _ in 0..2 {
            assert!(policy.allows(Actor::Nobody, "See", &subject, &owner));
            assert!(!policy.allows(Actor::Nobody, "See", &subject, &Standing::new()));
            assert!(!policy.allows(Actor::Nobody, "Change", &subject, &owner));
        }
    }

    #[test]
    fn a_policy_that_names_an_unknown_action_is_refused_at_start() {
        let rules = r#"permit (principal, action == Action::"Fly", resource);"#;
        assert!(Policy::new(rules, SCHEMA).is_err());
    }
}
