-- The access log's words for what this service's policy calls its actions and standings: what follows "Somebody ..." and
-- "Somebody asked to ...", and what follows "as".

insert into platform.access_text (kind, word, valid_from, text, asked, source) values
    ('action', 'ProposeSeries', '2000-01-01', 'proposed regular visits with you', 'propose regular visits with you', 'Kith'),
    ('action', 'AnswerSeries', '2000-01-01', 'answered about regular visits with you', 'answer about regular visits with you', 'Kith'),
    ('action', 'PlanVisits', '2000-01-01', 'planned visits with you', 'plan visits with you', 'Kith'),
    ('action', 'GetSeries', '2000-01-01', 'looked at your regular visits', 'look at your regular visits', 'Kith'),
    ('action', 'ListSeries', '2000-01-01', 'saw your regular visits in a list', 'see your regular visits in a list', 'Kith'),
    ('action', 'GetVisit', '2000-01-01', 'looked at a visit of yours', 'look at a visit of yours', 'Kith'),
    ('action', 'ListVisits', '2000-01-01', 'saw visits of yours in a list', 'see visits of yours in a list', 'Kith'),
    ('action', 'CancelVisit', '2000-01-01', 'cancelled a visit of yours', 'cancel a visit of yours', 'Kith'),
    ('action', 'ConfirmCancellation', '2000-01-01', 'confirmed when a visit of yours was cancelled', 'confirm when a visit of yours was cancelled', 'Kith'),
    ('action', 'ProposeCover', '2000-01-01', 'proposed somebody to cover a visit of yours', 'propose somebody to cover a visit of yours', 'Kith'),
    ('action', 'AnswerCover', '2000-01-01', 'answered about covering a visit of yours', 'answer about covering a visit of yours', 'Kith'),
    ('action', 'ProposeMove', '2000-01-01', 'proposed another time for a visit of yours', 'propose another time for a visit of yours', 'Kith'),
    ('action', 'AnswerMove', '2000-01-01', 'answered about another time for a visit of yours', 'answer about another time for a visit of yours', 'Kith'),
    ('action', 'RecordActual', '2000-01-01', 'recorded when a visit of yours took place', 'record when a visit of yours took place', 'Kith'),
    ('action', 'AgreeVisit', '2000-01-01', 'agreed what happened at a visit of yours', 'agree what happened at a visit of yours', 'Kith'),
    ('action', 'MarkMissed', '2000-01-01', 'recorded that a visit of yours did not take place', 'record that a visit of yours did not take place', 'Kith'),
    ('basis', 'owner', '2000-01-01', 'the Owner of the Team', '', 'Kith'),
    ('basis', 'rota_holder', '2000-01-01', 'the Rota Holder of the Team', '', 'Kith'),
    ('basis', 'member', '2000-01-01', 'a member of the Team', '', 'Kith'),
    ('basis', 'giver', '2000-01-01', 'the giver of the visit', '', 'Kith');
