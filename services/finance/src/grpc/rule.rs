//! `RulesService`.

use kith_platform::Host;
use kith_proto::finance::v1 as pb;
use kith_proto::finance::v1::rules_service_server::RulesService;
use tonic::Request;

use super::{Reply, parse};
use crate::app;

/// The Circles' contribution rules.
#[derive(Clone, Debug)]
pub struct Rules(Host);

impl Rules {
    /// Serves from that host.
    pub fn new(host: Host) -> Self {
        Self(host)
    }
}

#[tonic::async_trait]
impl RulesService for Rules {
    async fn add_founding_rule(
        &self,
        request: Request<pb::AddFoundingRuleRequest>,
    ) -> Reply<pb::AddFoundingRuleResponse> {
        self.0
            .command(request, parse::add_founding_rule, app::rule::add_founding, |rule| {
                pb::AddFoundingRuleResponse { rule: Some(rule.into()) }
            })
            .await
    }

    async fn list_rules(&self, request: Request<pb::ListRulesRequest>) -> Reply<pb::ListRulesResponse> {
        self.0
            .query(request, parse::list_rules, app::rule::list, |(rules, next_page_token)| {
                pb::ListRulesResponse { rules: rules.into_iter().map(Into::into).collect(), next_page_token }
            })
            .await
    }
}
