-- The access log's words for what this service's policy calls its actions and standings: what follows "Somebody ..." and
-- "... would have", and what follows "as".

insert into platform.access_text (kind, word, valid_from, text, source) values
    ('action', 'CreateCircle', '2000-01-01', 'founded a Circle that you are in', 'Kith'),
    ('action', 'GetCircle', '2000-01-01', 'looked at a Circle that you are in', 'Kith'),
    ('action', 'ListCircles', '2000-01-01', 'saw a Circle that you are in', 'Kith'),
    ('action', 'InviteCircleMember', '2000-01-01', 'asked you into a Circle, or saw you there while asking somebody else', 'Kith'),
    ('action', 'AnswerCircleInvitation', '2000-01-01', 'answered an invitation to a Circle that you are in', 'Kith'),
    ('action', 'ProposeCircleHat', '2000-01-01', 'proposed a hat in a Circle that you are in', 'Kith'),
    ('action', 'AnswerCircleHat', '2000-01-01', 'answered about a hat in a Circle that you are in', 'Kith'),
    ('action', 'DraftProposal', '2000-01-01', 'drafted a proposal', 'Kith'),
    ('action', 'GetProposal', '2000-01-01', 'looked at a proposal that names you', 'Kith'),
    ('action', 'ListProposals', '2000-01-01', 'saw a proposal that names you in a list', 'Kith'),
    ('action', 'AdvanceProposal', '2000-01-01', 'took a proposal that names you a step on', 'Kith'),
    ('action', 'AnswerProposal', '2000-01-01', 'answered a proposal that names you', 'Kith'),
    ('action', 'AmendProposal', '2000-01-01', 'amended a proposal that names you', 'Kith'),
    ('action', 'WithdrawProposal', '2000-01-01', 'withdrew a proposal that names you', 'Kith'),
    ('action', 'RecordDecision', '2000-01-01', 'recorded a decision that names you', 'Kith'),
    ('action', 'GetDecision', '2000-01-01', 'looked at a decision that names you', 'Kith'),
    ('action', 'ListDecisions', '2000-01-01', 'saw a decision that names you in a list', 'Kith'),
    ('basis', 'circle_member', '2000-01-01', 'a member of the Circle', 'Kith'),
    ('basis', 'facilitator', '2000-01-01', 'the Facilitator of the Circle', 'Kith'),
    ('basis', 'invited', '2000-01-01', 'the one who was asked', 'Kith'),
    ('basis', 'preparing', '2000-01-01', 'while this place is being set up', 'Kith');
