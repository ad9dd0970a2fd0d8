//! Contribution rules over a real database.

use crate::stage::Stage;
use kith_platform::id::Uuid;
use kith_platform::testing::{reason, wrong_fields};
use kith_proto::finance::v1 as pb;
use kith_proto::finance::v1::rules_service_server::RulesService as _;
use tonic::{Code, Status};

async fn add(stage: &Stage, rule: &pb::Rule) -> Result<pb::Rule, Status> {
    let request = pb::AddFoundingRuleRequest { request_id: stage.id(), rule: Some(rule.clone()) };
    let answer = stage.rules.add_founding_rule(stage.by(stage.administrator, request)).await?;
    Ok(answer.into_inner().rule.expect("a rule"))
}

async fn list(
    stage: &Stage,
    circle: Uuid,
    page_size: i32,
    page_token: &str,
) -> Result<pb::ListRulesResponse, Status> {
    let request =
        pb::ListRulesRequest { circle_id: circle.to_string(), page_size, page_token: page_token.into() };
    Ok(stage.rules.list_rules(stage.by(stage.giver, request)).await?.into_inner())
}

#[tokio::test]
async fn rules_are_listed_by_name_and_date_to_everybody() {
    let stage = Stage::new().await;
    stage.founding_rule("independent", "2026-01-01", 1500, 0).await.expect("a rule");
    let employed = pb::Rule {
        mode: Some(pb::rule::Mode::ShareOfTotal(pb::RuleShareOfTotal { share_bp: 2500 })),
        ..stage.rule("employed", "2026-01-01", 0, 0)
    };
    assert_eq!(add(&stage, &employed).await.expect("a rule"), employed);
    let (mandate, decision) = (stage.uuid(), stage.uuid());
    stage.mandate(mandate, decision, "independent", "2026-03-16", 2000, "").await;
    stage.mandate(mandate, decision, "independent", "2026-03-16", 2000, "2026-04-01").await;

    let first = list(&stage, stage.circle, 2, "").await.expect("a page");
    let second = list(&stage, stage.circle, 2, &first.next_page_token).await.expect("a page");
    assert!(second.next_page_token.is_empty());
    let rules = [first.rules, second.rules].concat();
    let told: Vec<(&str, &str, &str)> = rules
        .iter()
        .map(|rule| (rule.name.as_str(), rule.effective_from.as_str(), rule.revoked_from.as_str()))
        .collect();
    let expected = [
        ("employed", "2026-01-01", ""),
        ("independent", "2026-01-01", ""),
        ("independent", "2026-03-16", "2026-04-01"),
    ];
    assert_eq!(told, expected);
    assert_eq!(rules[2].decision_id, decision.to_string());
}

#[tokio::test]
async fn founding_rules_are_the_administrators_and_only_while_the_place_is_set_up() {
    let stage = Stage::new().await;
    let rule = stage.rule("independent", "2026-01-01", 1500, 0);
    let request = pb::AddFoundingRuleRequest { request_id: stage.id(), rule: Some(rule.clone()) };
    let refused = stage.rules.add_founding_rule(stage.by(stage.hat, request)).await.expect_err("not the hat");
    assert_eq!(reason(&refused), (Code::PermissionDenied, "PERMISSION_DENIED".into()));

    add(&stage, &rule).await.expect("a rule");
    stage.world.know_tenant(&stage.host, stage.tenant, false).await;
    assert_eq!(add(&stage, &rule).await.expect("the same again, when live"), rule);
    let other = stage.rule("employed", "2026-01-01", 0, 2500);
    let refused = add(&stage, &other).await.expect_err("a new one, when live");
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "NOT_PREPARING".into()));
}

#[tokio::test]
async fn an_id_or_a_date_that_is_taken_is_refused() {
    let stage = Stage::new().await;
    let rule = stage.rule("independent", "2026-01-01", 1500, 0);
    add(&stage, &rule).await.expect("a rule");
    let other = pb::Rule { effective_from: "2026-02-01".into(), ..rule.clone() };
    let refused = add(&stage, &other).await.expect_err("other content");
    assert_eq!(reason(&refused), (Code::AlreadyExists, "ID_EXISTS".into()));
    let same_date = pb::Rule { id: stage.id(), ..rule };
    let refused = add(&stage, &same_date).await.expect_err("the same date");
    assert_eq!(reason(&refused), (Code::AlreadyExists, "RULE_DATE_TAKEN".into()));
}

#[tokio::test]
async fn every_wrong_field_is_named() {
    let stage = Stage::new().await;
    let rule = pb::Rule {
        id: "x".into(),
        circle_id: String::new(),
        name: " ".into(),
        effective_from: "2026-02-30".into(),
        revoked_from: "2026-05-01".into(),
        decision_id: stage.id(),
        mode: Some(pb::rule::Mode::OnRate(pb::RuleOnRate { added_bp: -1, deducted_bp: 10_001 })),
    };
    let refused = add(&stage, &rule).await.expect_err("refused");
    let expected = [
        "rule.id",
        "rule.circle_id",
        "rule.name",
        "rule.effective_from",
        "rule.revoked_from",
        "rule.decision_id",
        "rule.on_rate.added_bp",
        "rule.on_rate.deducted_bp",
    ];
    assert_eq!(wrong_fields(&refused), expected);
    let refused = add(&stage, &pb::Rule { mode: None, ..stage.rule("a", "2026-01-01", 0, 0) }).await;
    assert_eq!(wrong_fields(&refused.expect_err("refused")), ["rule.mode"]);
}

#[tokio::test]
async fn another_tenants_circle_is_as_unknown_as_one_that_never_was() {
    let stage = Stage::new().await;
    let circle = stage.circle;
    let elsewhere = Stage { tenant: stage.world.tenant(&stage.host, true).await, ..stage };
    let foreign = list(&elsewhere, circle, 0, "").await.expect_err("refused");
    let unknown = list(&elsewhere, Uuid::from_u128(5), 0, "").await.expect_err("refused");
    assert_eq!(reason(&foreign), (Code::NotFound, "NOT_FOUND".into()));
    assert_eq!((foreign.message(), foreign.details()), (unknown.message(), unknown.details()));
}
