-- The access log's words for what this service's policy calls its actions and standings: what follows "Somebody ..." and
-- "Somebody asked to ...", and what follows "as".

insert into platform.access_text (kind, word, valid_from, text, asked, source) values
    ('action', 'CreateCircle', '2000-01-01', 'founded a Circle that you are in', 'found a Circle that you are in', 'Kith'),
    ('action', 'GetCircle', '2000-01-01', 'looked at a Circle that you are in', 'look at a Circle that you are in', 'Kith'),
    ('action', 'ListCircles', '2000-01-01', 'saw a Circle that you are in', 'see a Circle that you are in', 'Kith'),
    ('action', 'InviteCircleMember', '2000-01-01', 'asked somebody into a Circle that you are in, or you', 'ask somebody into a Circle that you are in, or you', 'Kith'),
    ('action', 'AnswerCircleInvitation', '2000-01-01', 'answered an invitation to a Circle that you are in', 'answer an invitation to a Circle that you are in', 'Kith'),
    ('action', 'ProposeCircleHat', '2000-01-01', 'proposed a hat in a Circle that you are in', 'propose a hat in a Circle that you are in', 'Kith'),
    ('action', 'AnswerCircleHat', '2000-01-01', 'answered about a hat in a Circle that you are in', 'answer about a hat in a Circle that you are in', 'Kith'),
    ('action', 'DraftProposal', '2000-01-01', 'drafted a proposal', 'draft a proposal', 'Kith'),
    ('action', 'GetProposal', '2000-01-01', 'looked at a proposal that names you', 'look at a proposal that names you', 'Kith'),
    ('action', 'ListProposals', '2000-01-01', 'saw a proposal that names you in a list', 'see a proposal that names you in a list', 'Kith'),
    ('action', 'AdvanceProposal', '2000-01-01', 'took a proposal that names you a step on', 'take a proposal that names you a step on', 'Kith'),
    ('action', 'AnswerProposal', '2000-01-01', 'answered a proposal that names you', 'answer a proposal that names you', 'Kith'),
    ('action', 'AmendProposal', '2000-01-01', 'amended a proposal that names you', 'amend a proposal that names you', 'Kith'),
    ('action', 'WithdrawProposal', '2000-01-01', 'withdrew a proposal that names you', 'withdraw a proposal that names you', 'Kith'),
    ('action', 'RecordDecision', '2000-01-01', 'recorded a decision that names you', 'record a decision that names you', 'Kith'),
    ('action', 'GetDecision', '2000-01-01', 'looked at a decision that names you', 'look at a decision that names you', 'Kith'),
    ('action', 'ListDecisions', '2000-01-01', 'saw a decision that names you in a list', 'see a decision that names you in a list', 'Kith'),
    ('basis', 'circle_member', '2000-01-01', 'a member of the Circle', '', 'Kith'),
    ('basis', 'facilitator', '2000-01-01', 'the Facilitator of the Circle', '', 'Kith'),
    ('basis', 'invited', '2000-01-01', 'the one who was asked', '', 'Kith'),
    ('basis', 'preparing', '2000-01-01', 'somebody setting this place up', '', 'Kith');
