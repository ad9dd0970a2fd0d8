//! The reviewed table: which fields a consent opens, written by hand from what the parts say to people. A new part, or a new
//! field of an answer, opens nothing until it stands here; fields that are empty in this test's month are left out.

/// Whose record it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// An Owner's with a Team, read by a giver who is not of it.
    Owner,
    /// A giver's, read by an Owner in whose Team they are not.
    Giver,
    /// A giver's, read by an Owner who is getting to know them.
    Met,
}

/// One read that a part opens.
pub struct Line {
    pub whose: &'static [Whose],
    /// A word of the list, or several of them together.
    pub parts: &'static str,
    pub purposes: &'static [&'static str],
    pub read: &'static str,
    pub fields: &'static [&'static str],
}

/// Parts that say something more together.
pub const SUMS: &[&str] = &["profile.giving and profile.terms"];

const INTRODUCTION: &[&str] = &["introduction"];
const TO_REACH: &[&str] = &["introduction", "support", "coordination"];
const TO_SUPPORT: &[&str] = &["support", "coordination"];

/// How somebody likes to be reached, and what helps; whose that is, and since when they say so.
const COMMUNICATION: &[&str] = &[
    "communication.person_id",
    "communication.preferred_channel",
    "communication.needs",
    "communication.update_time",
];
/// A legal fact: what it is, where the original lies, who wrote it down and when.
const LEGAL_FACT: &[&str] = &[
    "legal_facts.id",
    "legal_facts.person_id",
    "legal_facts.content.kind",
    "legal_facts.content.name",
    "legal_facts.content.original_place",
    "legal_facts.create_time",
    "legal_facts.written.person_id",
    "legal_facts.written.writer",
    "legal_facts.written.time",
    "legal_facts.etag",
];

/// How and from where somebody gives support, and their readiness.
const PROFILE: &[&str] = &[
    "giver.person_id",
    "giver.status",
    "giver.outward_code",
    "giver.readiness.ready",
    "giver.readiness.valid_from",
    "giver.etag",
];

/// Whatever is not here opens nothing.
pub const ALLOWED: &[Line] = &[
    // That you have a Team, its Circle and roughly where you live: no member, no hat, no Promise.
    Line {
        whose: &[Whose::Owner],
        parts: "profile.team",
        purposes: INTRODUCTION,
        read: "GetTeam",
        fields: &[
            "team.id",
            "team.owner_person_id",
            "team.circle_id",
            "team.outward_code",
            "team.create_time",
            "team.etag",
        ],
    },
    // When you have support, without who gives it, or of what kind.
    Line {
        whose: &[Whose::Owner],
        parts: "profile.rota",
        purposes: INTRODUCTION,
        read: "ListSeries",
        fields: &[
            "series.id",
            "series.team_id",
            "series.starts_local",
            "series.time_zone",
            "series.wall_minutes",
            "series.rrule",
            "series.state",
        ],
    },
    // What your Team looks for, and roughly where; only where it suits the giver who looks.
    Line {
        whose: &[Whose::Owner],
        parts: "profile.seeking",
        purposes: INTRODUCTION,
        read: "ListOpportunities",
        fields: &[
            "opportunities.opportunity.id",
            "opportunities.opportunity.team_id",
            "opportunities.opportunity.outward_code",
            "opportunities.opportunity.radius_km",
            "opportunities.opportunity.paid",
            "opportunities.opportunity.open",
            "opportunities.opportunity.create_time",
            "opportunities.distance_band",
        ],
    },
    // That you are open to meeting new Owners: how you give support, roughly how far away you are, and whether you are ready.
    Line {
        whose: &[Whose::Giver, Whose::Met],
        parts: "profile.offering",
        purposes: INTRODUCTION,
        read: "SuggestGivers",
        fields: &[
            "suggestions.person_id",
            "suggestions.status",
            "suggestions.distance_band",
            "suggestions.ready",
            "suggestions.reasons",
            "options",
            "advice",
        ],
    },
    // How and from where you give support, and your readiness with its dates; no terms.
    Line {
        whose: &[Whose::Met],
        parts: "profile.giving",
        purposes: INTRODUCTION,
        read: "GetGiver",
        fields: PROFILE,
    },
    Line {
        whose: &[Whose::Met],
        parts: "profile.giving and profile.terms",
        purposes: INTRODUCTION,
        read: "GetGiver",
        fields: PROFILE,
    },
    // And your terms: rule, rate or, unpaid, your intent.
    Line {
        whose: &[Whose::Met],
        parts: "profile.giving and profile.terms",
        purposes: INTRODUCTION,
        read: "GetGiver",
        fields: &[
            "giver.terms.id",
            "giver.terms.valid_from",
            "giver.terms.circle_id",
            "giver.terms.contribution_rule",
            "giver.terms.hourly_rate.currency",
            "giver.terms.hourly_rate.minor_units",
        ],
    },
    Line {
        whose: &[Whose::Owner, Whose::Giver, Whose::Met],
        parts: "contact.preference",
        purposes: TO_REACH,
        read: "GetCommunication",
        fields: COMMUNICATION,
    },
    Line {
        whose: &[Whose::Owner, Whose::Giver, Whose::Met],
        parts: "document.legal",
        purposes: TO_SUPPORT,
        read: "ListLegalFacts",
        fields: LEGAL_FACT,
    },
];
