//! Fills any request of the contracts with values that are right in form, so that a call gets past the parser and to
//! the question of who may.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use kith_platform::id::{TenantId, Uuid};
use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};

use crate::stack::Stack;

/// Ids of things that exist, by `<service>.<noun>` or, for references that mean the same everywhere, by field name.
pub type Ids = BTreeMap<String, String>;

/// Fields that must stay empty for the request to be right.
const LEFT_EMPTY: &[&str] = &[
    "kith.common.v1.Grantee.hat",
    "kith.finance.v1.Rule.decision_id",
    "kith.identity.v1.LegalFactContent.name",
    "kith.finance.v1.Rule.revoked_from",
    "kith.matching.v1.Terms.unpaid_intent",
    "kith.governance.v1.ProposalVersion.number",
    "kith.governance.v1.ProposalVersion.content_hash",
    "kith.appointments.v1.ProposeSeriesRequest.rrule",
    "kith.appointments.v1.PreviewSeriesRequest.rrule",
];

/// Ids of the things there are: the one at that place of each table.
///
/// # Panics
/// Where a database does not answer.
pub async fn ids_of(stack: &Stack, place: i64) -> Ids {
    ids_in(stack, None, place).await
}

/// The same of the things of one tenant.
///
/// # Panics
/// Where a database does not answer.
pub async fn ids_of_tenant(stack: &Stack, tenant: TenantId) -> Ids {
    ids_in(stack, Some(tenant.0), 0).await
}

async fn ids_in(stack: &Stack, tenant: Option<Uuid>, place: i64) -> Ids {
    let mut ids = Ids::new();
    for service in crate::services() {
        let mut admin = stack.admin(service.name).await;
        let tables: Vec<(String, String)> = sqlx::query_as(
            "select c.table_name::text, c.column_name::text from information_schema.columns c
             where c.table_schema = 'public' and c.column_name in ('id', c.table_name || '_id') and c.data_type = 'uuid'
                 and exists (select from information_schema.columns t where t.table_schema = 'public'
                     and t.table_name = c.table_name and t.column_name = 'tenant_id')",
        )
        .fetch_all(&mut admin)
        .await
        .expect("the tables");
        for (table, column) in tables {
            let sql = sqlx::AssertSqlSafe(format!(
                "select {column} from \"{table}\" where $2::uuid is null or tenant_id = $2 order by 1
                 offset $1 % greatest((select count(*) from \"{table}\"), 1) limit 1"
            ));
            let found = sqlx::query_scalar(sql).bind(place).bind(tenant).fetch_optional(&mut admin).await;
            let id: Option<Uuid> = found.expect("a row");
            if let Some(id) = id {
                ids.insert(format!("{}.{table}", service.name), id.to_string());
                ids.entry(table).or_insert_with(|| id.to_string());
            }
        }
    }
    ids
}

/// Fills requests.
#[derive(Debug)]
pub struct Filler {
    pool: DescriptorPool,
}

impl Filler {
    /// Over all contracts.
    pub fn new() -> Self {
        Self { pool: DescriptorPool::decode(kith_proto::DESCRIPTOR_SET).expect("our own descriptors") }
    }

    /// A request whose references are looked up in `ids`; where nothing is known there, `fallback` is asked.
    pub fn fill(&self, input: &str, ids: &Ids, fallback: &mut dyn FnMut() -> String) -> DynamicMessage {
        let descriptor = self.pool.get_message_by_name(input).expect("a request of the contracts");
        let service = input.split('.').nth(1).unwrap_or_default().to_owned();
        Filling { service, request: descriptor.name().to_owned(), ids, fallback }.message(&descriptor)
    }

    /// What an answer says, without what differs each time: ids, numbers, moments, and secrets that were just made.
    ///
    /// # Panics
    /// Where it is no such message.
    pub fn shape(&self, output: &str, answer: &[u8]) -> String {
        let descriptor = self.pool.get_message_by_name(output).expect("an answer of the contracts");
        let answer = DynamicMessage::decode(descriptor, answer).expect("the answer of the contract");
        let (mut text, mut shape) = (String::new(), String::new());
        write_message(&answer, &mut text);
        let is_word = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
        for run in text.split_inclusive(|character| !is_word(character)) {
            let word = run.trim_end_matches(|character| !is_word(character));
            let differs = word.len() >= 20 || word.bytes().any(|byte| byte.is_ascii_digit());
            shape.push_str(if differs { "#" } else { word });
            shape.push_str(&run[word.len()..]);
        }
        shape
    }
}

impl Default for Filler {
    fn default() -> Self {
        Self::new()
    }
}

struct Filling<'a> {
    service: String,
    request: String,
    ids: &'a Ids,
    fallback: &'a mut dyn FnMut() -> String,
}

impl Filling<'_> {
    fn message(&mut self, descriptor: &MessageDescriptor) -> DynamicMessage {
        let mut message = DynamicMessage::new(descriptor.clone());
        if descriptor.full_name() == "google.protobuf.Timestamp" {
            message.set_field_by_name("seconds", Value::I64(1_772_442_000)); // 2 March 2026, 9:00 UTC
            return message;
        }
        for field in descriptor.fields() {
            let first_of_oneof =
                field.containing_oneof().is_none_or(|oneof| oneof.fields().next().as_ref() == Some(&field));
            if LEFT_EMPTY.contains(&field.full_name()) || !first_of_oneof {
                continue;
            }
            let value = self.value(&field);
            let value = if field.is_list() { Value::List(vec![value]) } else { value };
            message.set_field(&field, value);
        }
        message
    }

    fn value(&mut self, field: &FieldDescriptor) -> Value {
        let name = field.name();
        match field.kind() {
            Kind::String => Value::String(self.text(field)),
            Kind::Bool => Value::Bool(true),
            Kind::Int32 => Value::I32(match name {
                "share_bp" => 10_000,
                "wall_minutes" => 60,
                "term_months" => 12,
                "radius_km" => 10,
                "page_size" => 0,
                _ => 1,
            }),
            Kind::Int64 => Value::I64(100),
            // The first value that says something; a proposal's first step is its second state.
            Kind::Enum(_) => Value::EnumNumber(if self.request == "AdvanceProposalRequest" { 2 } else { 1 }),
            Kind::Message(descriptor) => {
                let mut message = self.message(&descriptor);
                if descriptor.full_name() == "google.protobuf.Timestamp" && name.contains("end") {
                    message.set_field_by_name("seconds", Value::I64(1_772_445_600));
                }
                if descriptor.full_name() == "kith.common.v1.Money" {
                    let currency = if self.request == "GiveCareCoinsRequest" { "XCC" } else { "GBP" };
                    message.set_field_by_name("currency", Value::String(currency.to_owned()));
                }
                Value::Message(message)
            }
            other => panic!("no filling for {other:?} of {}", field.full_name()),
        }
    }

    fn text(&mut self, field: &FieldDescriptor) -> String {
        let name = field.name();
        let fixed = match name {
            // Needed there, so that nothing is confirmed that was corrected meanwhile.
            "etag" if self.request == "ConfirmOriginalRequest" => "\"1\"",
            "page_token" | "etag" => "",
            "month" => "2026-03",
            "starts_local" | "occurrence_local" => "2026-03-02T09:00:00",
            "valid_from" | "effective_from" | "from_date" | "date" | "asked_on" => "2026-03-01",
            "valid_until" | "until_date" => "2026-03-20",
            "review_date" | "review_on" | "revoked_from" => "2026-12-01",
            "time_zone" => "Europe/London",
            "outward_code" => "E5",
            "slug" | "tenant" => "some-place",
            "email" | "mail_sender" | "administrator_email" => "someone@somewhere.example",
            "paths" => "display_name",
            "password" | "new_password" => "long enough to be right",
            "passkey" => "d29yZHM",
            "issuer" => "https://provider.example",
            "text_version" => "2026-1",
            "currency" => "GBP",
            "stated_reason" => "words enough to say why",
            "request_id" => return (self.fallback)(),
            _ if name == "id" || name == "ids" || name.ends_with("_id") || name.ends_with("person_ids") => {
                return self.id(field);
            }
            _ => "words",
        };
        fixed.to_owned()
    }

    /// `team_id` is a team's; `id` is that of the noun in the request's name (`GetTeamRequest`), or of the message.
    fn id(&mut self, field: &FieldDescriptor) -> String {
        let noun = match field.name() {
            "id" | "ids" => noun_of(&self.request).unwrap_or_else(|| snake(field.parent_message().name())),
            name if name.ends_with("person_id") || name.ends_with("person_ids") => "person".to_owned(),
            name => name.trim_end_matches("_id").to_owned(),
        };
        let own = self.ids.get(&format!("{}.{noun}", self.service));
        own.or_else(|| self.ids.get(&noun)).cloned().unwrap_or_else(|| (self.fallback)())
    }
}

fn write_message(message: &DynamicMessage, text: &mut String) {
    for (field, value) in message.fields() {
        write!(text, " {}:", field.name()).expect("a text takes it");
        write_value(value, text);
    }
}

fn write_value(value: &Value, text: &mut String) {
    match value {
        Value::Message(message) => {
            text.push('{');
            write_message(message, text);
            text.push('}');
        }
        Value::List(values) => {
            for value in values {
                write_value(value, text);
                text.push(';');
            }
        }
        other => write!(text, "{other:?}").expect("a text takes it"),
    }
}

/// `GetTeamRequest` → `team`.
fn noun_of(request: &str) -> Option<String> {
    let verbs = ["Get", "Close", "Answer", "Cancel"];
    let name = request.strip_suffix("Request")?;
    let noun = verbs.iter().find_map(|verb| name.strip_prefix(verb))?;
    Some(match noun {
        "People" => "person".to_owned(),
        noun => snake(noun),
    })
}

fn snake(name: &str) -> String {
    let mut snake = String::new();
    for character in name.chars() {
        if character.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(character.to_ascii_lowercase());
    }
    snake
}
