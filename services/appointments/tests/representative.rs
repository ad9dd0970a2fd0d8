//! A representative agrees visits and speaks for the Team's side, on a confirmed basis about health and welfare.

use crate::stage::Stage;
use kith_platform::id::Uuid;
use kith_platform::testing::reason;
use kith_proto::appointments::v1::VisitState;
use kith_proto::common::v1::{
    RepresentationBasis, RepresentationScope, RepresentationState, RepresentativeSnapshot,
};
use kith_proto::identity::v1::RepresentativeConfirmed;
use tonic::Code;

#[tokio::test]
async fn a_representative_agrees_a_visit_where_the_basis_reaches_and_the_audit_keeps_it() {
    let stage = Stage::new(true).await;
    let (attorney, banker) = (stage.world.person(), stage.world.person());
    let bases = [
        (attorney, RepresentationBasis::AttorneyHealthAndWelfare, RepresentationScope::HealthAndWelfare),
        (banker, RepresentationBasis::AttorneyProperty, RepresentationScope::Property),
    ];
    for (person, basis, scope) in bases {
        let id = stage.world.person().0;
        let state = Some(RepresentativeSnapshot {
            representative_id: id.to_string(),
            person_id: stage.owner.to_string(),
            representative_person_id: person.to_string(),
            basis: basis.into(),
            scopes: vec![scope.into()],
            valid_from: "2026-03-01".into(),
            valid_until: String::new(),
            state: RepresentationState::Confirmed.into(),
        });
        let event = RepresentativeConfirmed { state };
        stage.world.deliver(&stage.host, stage.tenant, id, 1, &event).await;
    }
    let visit = stage.visit("2026-03-18T13:00:00").await;
    let refused = stage.agree(banker, &visit).await.expect_err("money is not care");
    assert_eq!(reason(&refused), (Code::NotFound, "NOT_FOUND".into()));
    let agreed = stage.agree(attorney, &visit).await.expect("agreed for the Owner");
    assert_eq!(agreed.state(), VisitState::Agreed);

    let mut admin = stage.world.admin(&stage.host).await;
    let basis: String = sqlx::query_scalar(
        "select basis from platform.audit where action = 'AgreeVisit' and actor_id = $1 and allowed",
    )
    .bind(Uuid::from(attorney))
    .fetch_one(&mut admin)
    .await
    .expect("written down");
    assert_eq!(basis, "attorney_health_and_welfare representative");
}
