//! Among one's own things an id of another tenant is as unknown as one that never was: a Team of one's own and a person of
//! theirs, one's own visit and a giver of theirs. What wholly foreign requests are told is in `every_call`.

use std::collections::BTreeMap;

use kith_platform::id::{TenantId, Uuid};
use kith_proto::identity::v1 as identity;
use kith_proto::{Access, METHODS, Method};
use kith_tests::filler::{Filler, Ids, ids_of_tenant};
use kith_tests::people::{FIRST_MONTH, People, Someone, method_of, service_of, with_request_id};
use kith_tests::stack::Stack;
use prost::Message as _;
use tonic::Status;

/// How often hit and miss are compared before they count as different: what is changed meanwhile is ours.
const LOOKS: usize = 3;
/// What ends a place, or a tenant's preparing, comes last.
const LAST: &[&str] = &["/AskErasure", "/OrderErasure", "/ClosePlace", "/LeaveTenant"];

struct Probe {
    people: People,
    filler: Filler,
    own: Ids,
    foreign: Ids,
}

/// Takes the same month in for another tenant, so that it has a row of everything.
async fn second_month(stack: &Stack) -> TenantId {
    let text = std::fs::read_to_string(FIRST_MONTH).expect("the scenario");
    let mut scenario: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    scenario["tenant"] = "calder".into();
    scenario["circle"] = "Calder Care Circle".into();
    let path = stack.folder().join("calder.json");
    std::fs::write(&path, scenario.to_string()).expect("written");
    let month = stack.kith(&["month", path.to_str().expect("a path")]).output().expect("kith is built");
    assert!(month.status.success(), "{}", String::from_utf8_lossy(&month.stderr));
    let tenant: Uuid = sqlx::query_scalar("select tenant_id from tenant where slug = 'calder'")
        .fetch_one(&mut stack.admin("identity").await)
        .await
        .expect("the tenant");
    TenantId(tenant)
}

/// `team` and `teams.team` are one kind of thing.
fn kind(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

impl Probe {
    /// One's own ids, with those of a kind replaced.
    fn with(&self, replaced: &str, by: impl Fn(&str) -> Option<String>) -> Ids {
        let mut ids = self.own.clone();
        for (name, id) in &mut ids {
            if kind(name) == replaced
                && let Some(other) = by(name)
            {
                *id = other;
            }
        }
        ids
    }

    async fn call(
        &self,
        at: (&'static str, &'static Method),
        ids: &Ids,
        who: Someone<'_>,
    ) -> Result<Vec<u8>, Status> {
        // The same for hit and miss, but for what takes a request id.
        let mut request = self.filler.fill(at.1.input, ids, &mut || Uuid::nil().to_string());
        if at.1.changes_state {
            let request_id = self.people.uuid().to_string();
            request.set_field_by_name("request_id", prost_reflect::Value::String(request_id));
        }
        let token = self.people.token_of(self.people.tenant, who.id);
        self.people.send(at, request.encode_to_vec(), Some(&token), &[]).await
    }

    /// Everything that the caller sees, but what differs each time.
    fn said(&self, method: &Method, answer: Result<Vec<u8>, Status>) -> String {
        match answer {
            Ok(answer) => format!("answered {}", self.filler.shape(method.output, &answer)),
            Err(status) => {
                let mut headers = status.metadata().clone();
                headers.remove("date");
                format!("{:?} {} {:?} {headers:?}", status.code(), status.message(), status.details())
            }
        }
    }

    /// How an address with an account in another tenant and one without are told apart, where they are.
    async fn addresses(&self, administrator: Someone<'_>) -> Vec<String> {
        let (mut said, mut different) = (Vec::new(), Vec::new());
        for address in ["administrator@clapton.example", "administrated@clapton.example"] {
            let mut answers = Vec::new();
            for (method, body) in about(address, self.people.uuid()) {
                let token = self.people.token_of(self.people.tenant, administrator.id);
                let token = (method.access == Access::Person).then_some(token);
                let answer = self.people.send(("identity", method), body, token.as_deref(), &[]).await;
                answers.push((method.path, self.said(method, answer)));
            }
            said.push(answers);
        }
        for ((path, hit), (_, miss)) in said[0].iter().zip(&said[1]) {
            if hit != miss {
                different.push(format!("{path}: {hit} against {miss}"));
            }
        }
        println!(
            "T3: {} calls with an address that has an account elsewhere and one that has none, distinguishable {}",
            said[0].len(),
            different.len()
        );
        different
    }

    /// How hit and miss differ, where they do.
    async fn difference(
        &self,
        at: (&'static str, &'static Method),
        replaced: &str,
        who: Someone<'_>,
    ) -> Option<String> {
        let mut difference = String::new();
        for _ in 0..LOOKS {
            let hit = self.with(replaced, |name| self.foreign.get(name).cloned());
            let unknown: BTreeMap<String, String> =
                self.own.keys().map(|name| (kind(name).to_owned(), self.people.uuid().to_string())).collect();
            let miss = self.with(replaced, |name| unknown.get(kind(name)).cloned());
            let hit = self.said(at.1, self.call(at, &hit, who).await);
            let miss = self.said(at.1, self.call(at, &miss, who).await);
            if hit == miss {
                return None;
            }
            difference = format!("{} about a {replaced}: {hit} against {miss}", at.1.path);
        }
        Some(difference)
    }
}

/// Of a request for each address, the method and what it says.
fn about(address: &str, request_id: Uuid) -> [(&'static Method, Vec<u8>); 4] {
    let email = || address.to_owned();
    let (password, code) = ("a pass phrase that is wrong".to_owned(), "0000-0000-0000-0000".to_owned());
    let sign_in =
        identity::SignInRequest { email: email(), password: password.clone(), ..Default::default() };
    let with_code =
        identity::SignInWithRecoveryCodeRequest { email: email(), code: code.clone(), ..Default::default() };
    let reset =
        identity::ResetPasswordRequest { email: email(), code, new_password: password, ..Default::default() };
    let invite = identity::InvitePersonRequest {
        display_name: "Newcomer".to_owned(),
        email: email(),
        ..Default::default()
    };
    [
        (method_of(&sign_in), with_request_id(method_of(&sign_in), &sign_in, request_id)),
        (method_of(&with_code), with_request_id(method_of(&with_code), &with_code, request_id)),
        (method_of(&reset), with_request_id(method_of(&reset), &reset, request_id)),
        (method_of(&invite), with_request_id(method_of(&invite), &invite, request_id)),
    ]
}

/// Proves T3's half without a clock: of every call, each reference in turn points at another tenant's thing or at nothing,
/// all others at one's own, asked by those who may do most: distinguishable answers 0, headers included.
#[tokio::test]
async fn a_foreign_id_among_ones_own_is_as_unknown_as_none() {
    let stack = Stack::start().await;
    let first = People::of_first_month(&stack).await;
    let tenant = second_month(&stack).await;
    let people = People::of_tenant(&stack, tenant).await;
    people.until_settled().await;
    let (own, foreign) = (ids_of_tenant(&stack, tenant).await, ids_of_tenant(&stack, first.tenant).await);
    let mut probe = Probe { people, filler: Filler::new(), own, foreign };
    let administrator: Uuid = sqlx::query_scalar(
        "select person_id from person_role where role = 'administrator' and tenant_id = $1",
    )
    .bind(tenant.0)
    .fetch_one(&mut stack.admin("identity").await)
    .await
    .expect("an administrator");
    let owner = probe.people.named("Owner One");
    // The Owner's own Team, and what belongs to it.
    let team = owner.own_team().await;
    for (service, table) in [("appointments", "series"), ("appointments", "visit")] {
        let sql = sqlx::AssertSqlSafe(format!(
            "select id from {table} where team_id = $1::uuid order by id limit 1"
        ));
        let id: Uuid = sqlx::query_scalar(sql)
            .bind(&team)
            .fetch_one(&mut stack.admin(service).await)
            .await
            .expect("a row");
        probe.own.insert(format!("{service}.{table}"), id.to_string());
    }
    probe.own.retain(|name, _| kind(name) != "team");
    probe.own.insert("team".to_owned(), team);
    let callers = [
        probe.people.with_id(&administrator.to_string()),
        probe.people.named("Owner One"),
        probe.people.named("Giver One"),
    ];

    let kinds: std::collections::BTreeSet<String> =
        probe.own.keys().map(|name| kind(name).to_owned()).collect();
    let mut methods: Vec<_> = METHODS
        .iter()
        .filter(|method| method.access == Access::Person && !method.path.starts_with("/kith.common."))
        .collect();
    methods.sort_by_key(|method| LAST.iter().any(|last| method.path.ends_with(last)));
    let (mut cells, mut answered, mut leaks) = (0, 0, Vec::new());
    for method in methods {
        let at = (service_of(method), method);
        let plain = probe.filler.fill(method.input, &probe.own, &mut || Uuid::nil().to_string());
        for replaced in &kinds {
            let changed = probe.with(replaced, |_| Some(Uuid::from_u128(7).to_string()));
            if probe.filler.fill(method.input, &changed, &mut || Uuid::nil().to_string()) == plain {
                continue;
            }
            for who in callers {
                cells += 1;
                match probe.difference(at, replaced, who).await {
                    Some(leak) => leaks.push(leak),
                    None => answered += 1,
                }
            }
        }
    }
    println!(
        "T3: {cells} cells (call x kind of reference x caller) with one foreign id among one's own, {answered} the same as \
         for an id of nothing, distinguishable {}",
        leaks.len()
    );
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
    let different = probe.addresses(callers[0]).await;
    assert!(different.is_empty(), "{}", different.join("\n"));

    // Shows that it can fail: the same where a person of theirs is in our rows too, as if a look-up had forgotten the tenant.
    let person: Uuid = probe.foreign["identity.person"].parse().expect("a UUID");
    for (service, table, key) in
        [("identity", "person", "id"), ("governance", "platform.person", "person_id")]
    {
        let planted = sqlx::AssertSqlSafe(format!(
            "insert into {table} select (jsonb_populate_record(p, jsonb_build_object('tenant_id', $1::uuid))).*
             from {table} p where p.{key} = $2 and p.tenant_id <> $1"
        ));
        let planted = sqlx::query(planted).bind(tenant.0).bind(person);
        let planted = planted.execute(&mut stack.admin(service).await).await.expect("planted");
        assert_eq!(planted.rows_affected(), 1, "{service}");
    }
    let mut caught = 0;
    for name in ["/GetPeople", "/InviteCircleMember"] {
        let method = METHODS.iter().find(|method| method.path.ends_with(name)).expect("a method");
        let mut found = None;
        for who in callers {
            found = found.or(probe.difference((service_of(method), method), "person", who).await);
        }
        caught += usize::from(found.is_some());
    }
    println!("T3: mutations caught {caught} of 2");
    assert_eq!(caught, 2);
}
