//! Which answer belongs to which request, and where a request goes: one line per method that the command calls.

use kith_proto::Method;

/// A request of the public API.
pub trait Call: prost::Message + prost::Name + Clone + Default + 'static {
    /// What it is answered with.
    type Answer: prost::Message + prost::Name + Default + 'static;

    /// The request id, for a call that changes state.
    fn request_id(&mut self) -> Option<&mut String>;
}

/// The method that takes this request.
pub(super) fn method_of<R: Call>() -> &'static Method {
    let name = R::full_name();
    let found = kith_proto::METHODS.iter().find(|method| method.input == name);
    found.expect("every request implements Call for a method of the contracts; a test walks them")
}

macro_rules! changes {
    ($($package:ident: $($request:ident => $answer:ident),+;)+) => {$($(
        impl Call for kith_proto::$package::v1::$request {
            type Answer = kith_proto::$package::v1::$answer;

            fn request_id(&mut self) -> Option<&mut String> {
                Some(&mut self.request_id)
            }
        }
    )+)+};
}

macro_rules! reads {
    ($($package:ident: $($request:ident => $answer:ident),+;)+) => {$($(
        impl Call for kith_proto::$package::v1::$request {
            type Answer = kith_proto::$package::v1::$answer;

            fn request_id(&mut self) -> Option<&mut String> {
                None
            }
        }
    )+)+};
}

changes! {
    identity:
        BootstrapHostRequest => BootstrapHostResponse,
        CreateTenantRequest => CreateTenantResponse,
        InvitePersonRequest => InvitePersonResponse,
        AcceptInvitationRequest => AcceptInvitationResponse,
        ConfirmInvitationRequest => ConfirmInvitationResponse,
        GoLiveRequest => GoLiveResponse,
        SuspendTenantRequest => SuspendTenantResponse,
        ResumeTenantRequest => ResumeTenantResponse,
        FreezeTenantRequest => FreezeTenantResponse,
        ThawTenantRequest => ThawTenantResponse,
        ReleaseTenantRequest => ReleaseTenantResponse,
        GiveConsentRequest => GiveConsentResponse;
    governance:
        CreateCircleRequest => CreateCircleResponse,
        InviteCircleMemberRequest => InviteCircleMemberResponse,
        AnswerCircleInvitationRequest => AnswerCircleInvitationResponse,
        ProposeCircleHatRequest => ProposeCircleHatResponse,
        AnswerCircleHatRequest => AnswerCircleHatResponse;
    teams:
        StartTeamRequest => StartTeamResponse,
        SignPromiseRequest => SignPromiseResponse,
        InviteMemberRequest => InviteMemberResponse,
        AnswerInvitationRequest => AnswerInvitationResponse,
        EndMembershipRequest => EndMembershipResponse,
        ProposeHatRequest => ProposeHatResponse,
        AnswerHatRequest => AnswerHatResponse;
    matching:
        RegisterGiverRequest => RegisterGiverResponse,
        RecordReadinessRequest => RecordReadinessResponse,
        SetTermsRequest => SetTermsResponse,
        OpenOpportunityRequest => OpenOpportunityResponse,
        ShowInterestRequest => ShowInterestResponse,
        AgreeTrialRequest => AgreeTrialResponse,
        ConcludeTrialRequest => ConcludeTrialResponse;
    appointments:
        ProposeSeriesRequest => ProposeSeriesResponse,
        AnswerSeriesRequest => AnswerSeriesResponse,
        PlanVisitsRequest => PlanVisitsResponse,
        CancelVisitRequest => CancelVisitResponse,
        ConfirmCancellationRequest => ConfirmCancellationResponse,
        ProposeCoverRequest => ProposeCoverResponse,
        AnswerCoverRequest => AnswerCoverResponse,
        ProposeMoveRequest => ProposeMoveResponse,
        AnswerMoveRequest => AnswerMoveResponse,
        RecordActualRequest => RecordActualResponse,
        AgreeVisitRequest => AgreeVisitResponse,
        AgreeVisitsRequest => AgreeVisitsResponse,
        SettleAgainRequest => SettleAgainResponse,
        MarkMissedRequest => MarkMissedResponse;
    finance:
        AddFoundingRuleRequest => AddFoundingRuleResponse,
        AddPayerRequest => AddPayerResponse,
        SetFundingRequest => SetFundingResponse,
        IssueInvoicesRequest => IssueInvoicesResponse,
        RunPayRequest => RunPayResponse;
    evaluation:
        OpenRoundRequest => OpenRoundResponse,
        CloseRoundRequest => CloseRoundResponse;
}

reads! {
    common:
        GetBacklogRequest => GetBacklogResponse,
        ExportPersonRequest => ExportPersonResponse;
    identity:
        GetTenantRequest => GetTenantResponse,
        GetTenantFreezeRequest => GetTenantFreezeResponse,
        ListTenantsRequest => ListTenantsResponse,
        ExportSignInRequest => ExportSignInResponse,
        SignInRequest => SignInResponse,
        ListPeopleRequest => ListPeopleResponse;
    governance:
        GetCircleRequest => GetCircleResponse;
    teams:
        GetTeamRequest => GetTeamResponse;
    matching:
        GetGiverRequest => GetGiverResponse,
        ListIntroductionsRequest => ListIntroductionsResponse;
    appointments:
        ListSeriesRequest => ListSeriesResponse,
        ListVisitsRequest => ListVisitsResponse;
    finance:
        ListRulesRequest => ListRulesResponse,
        ListFundingRequest => ListFundingResponse,
        ListUnsettledVisitsRequest => ListUnsettledVisitsResponse,
        GetInvoiceRequest => GetInvoiceResponse,
        ListInvoicesRequest => ListInvoicesResponse,
        ListStatementsRequest => ListStatementsResponse,
        GetMonthRequest => GetMonthResponse,
        GetTrialBalanceRequest => GetTrialBalanceResponse,
        GetCareCoinsRequest => GetCareCoinsResponse;
    evaluation:
        GetReplyCodeRequest => GetReplyCodeResponse,
        AnswerRoundRequest => AnswerRoundResponse,
        GetRoundResultRequest => GetRoundResultResponse,
        ListRoundsRequest => ListRoundsResponse,
        GetContinuityRequest => GetContinuityResponse;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agrees<R: Call>() {
        let method = method_of::<R>();
        assert_eq!(method.output, <R::Answer as prost::Name>::full_name(), "{}", method.path);
        assert_eq!(method.changes_state, R::default().request_id().is_some(), "{}", method.path);
    }

    #[test]
    fn requests_and_answers_belong_together_as_the_contracts_say() {
        use kith_proto::{appointments, common, evaluation, finance, governance, identity, matching, teams};
        agrees::<common::v1::GetBacklogRequest>();
        agrees::<identity::v1::BootstrapHostRequest>();
        agrees::<identity::v1::CreateTenantRequest>();
        agrees::<identity::v1::InvitePersonRequest>();
        agrees::<identity::v1::AcceptInvitationRequest>();
        agrees::<identity::v1::ConfirmInvitationRequest>();
        agrees::<identity::v1::GoLiveRequest>();
        agrees::<identity::v1::SuspendTenantRequest>();
        agrees::<identity::v1::ResumeTenantRequest>();
        agrees::<identity::v1::FreezeTenantRequest>();
        agrees::<identity::v1::ThawTenantRequest>();
        agrees::<identity::v1::ReleaseTenantRequest>();
        agrees::<identity::v1::GetTenantFreezeRequest>();
        agrees::<identity::v1::ListTenantsRequest>();
        agrees::<identity::v1::GiveConsentRequest>();
        agrees::<identity::v1::SignInRequest>();
        agrees::<identity::v1::GetTenantRequest>();
        agrees::<identity::v1::ListPeopleRequest>();
        agrees::<governance::v1::CreateCircleRequest>();
        agrees::<governance::v1::InviteCircleMemberRequest>();
        agrees::<governance::v1::AnswerCircleInvitationRequest>();
        agrees::<governance::v1::ProposeCircleHatRequest>();
        agrees::<governance::v1::AnswerCircleHatRequest>();
        agrees::<governance::v1::GetCircleRequest>();
        agrees::<teams::v1::StartTeamRequest>();
        agrees::<teams::v1::SignPromiseRequest>();
        agrees::<teams::v1::InviteMemberRequest>();
        agrees::<teams::v1::AnswerInvitationRequest>();
        agrees::<teams::v1::EndMembershipRequest>();
        agrees::<teams::v1::ProposeHatRequest>();
        agrees::<teams::v1::AnswerHatRequest>();
        agrees::<teams::v1::GetTeamRequest>();
        agrees::<matching::v1::RegisterGiverRequest>();
        agrees::<matching::v1::RecordReadinessRequest>();
        agrees::<matching::v1::SetTermsRequest>();
        agrees::<matching::v1::OpenOpportunityRequest>();
        agrees::<matching::v1::ShowInterestRequest>();
        agrees::<matching::v1::AgreeTrialRequest>();
        agrees::<matching::v1::ConcludeTrialRequest>();
        agrees::<matching::v1::GetGiverRequest>();
        agrees::<matching::v1::ListIntroductionsRequest>();
        agrees::<appointments::v1::ProposeSeriesRequest>();
        agrees::<appointments::v1::AnswerSeriesRequest>();
        agrees::<appointments::v1::PlanVisitsRequest>();
        agrees::<appointments::v1::CancelVisitRequest>();
        agrees::<appointments::v1::ConfirmCancellationRequest>();
        agrees::<appointments::v1::ProposeCoverRequest>();
        agrees::<appointments::v1::AnswerCoverRequest>();
        agrees::<appointments::v1::ProposeMoveRequest>();
        agrees::<appointments::v1::AnswerMoveRequest>();
        agrees::<appointments::v1::RecordActualRequest>();
        agrees::<appointments::v1::AgreeVisitRequest>();
        agrees::<appointments::v1::MarkMissedRequest>();
        agrees::<appointments::v1::ListSeriesRequest>();
        agrees::<appointments::v1::ListVisitsRequest>();
        agrees::<finance::v1::AddFoundingRuleRequest>();
        agrees::<finance::v1::AddPayerRequest>();
        agrees::<finance::v1::SetFundingRequest>();
        agrees::<finance::v1::IssueInvoicesRequest>();
        agrees::<finance::v1::RunPayRequest>();
        agrees::<finance::v1::ListRulesRequest>();
        agrees::<finance::v1::ListFundingRequest>();
        agrees::<finance::v1::ListUnsettledVisitsRequest>();
        agrees::<finance::v1::GetInvoiceRequest>();
        agrees::<finance::v1::ListInvoicesRequest>();
        agrees::<finance::v1::ListStatementsRequest>();
        agrees::<finance::v1::GetMonthRequest>();
        agrees::<finance::v1::GetTrialBalanceRequest>();
        agrees::<finance::v1::GetCareCoinsRequest>();
        agrees::<evaluation::v1::OpenRoundRequest>();
        agrees::<evaluation::v1::CloseRoundRequest>();
        agrees::<evaluation::v1::GetReplyCodeRequest>();
        agrees::<evaluation::v1::AnswerRoundRequest>();
        agrees::<evaluation::v1::GetRoundResultRequest>();
        agrees::<evaluation::v1::ListRoundsRequest>();
        agrees::<evaluation::v1::GetContinuityRequest>();
    }
}
