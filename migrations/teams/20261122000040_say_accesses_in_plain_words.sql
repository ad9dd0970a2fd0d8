-- The access log's words for what this service's policy calls its actions and standings: what follows "Somebody ..." and
-- "Somebody asked to ...", and what follows "as".

insert into platform.access_text (kind, word, valid_from, text, asked, source) values
    ('action', 'StartTeam', '2000-01-01', 'started your Team', 'start your Team', 'Kith'),
    ('action', 'GetTeam', '2000-01-01', 'looked at your Team', 'look at your Team', 'Kith'),
    ('action', 'ListTeams', '2000-01-01', 'saw a Team that you are part of in their list of Teams', 'see a Team that you are part of in their list of Teams', 'Kith'),
    ('action', 'InviteMember', '2000-01-01', 'asked somebody into your Team', 'ask somebody into your Team', 'Kith'),
    ('action', 'AnswerInvitation', '2000-01-01', 'answered an invitation to your Team', 'answer an invitation to your Team', 'Kith'),
    ('action', 'EndMembership', '2000-01-01', 'ended a place in your Team', 'end a place in your Team', 'Kith'),
    ('action', 'ProposeHat', '2000-01-01', 'proposed a hat in your Team', 'propose a hat in your Team', 'Kith'),
    ('action', 'AnswerHat', '2000-01-01', 'answered about a hat in your Team', 'answer about a hat in your Team', 'Kith'),
    ('action', 'DropHat', '2000-01-01', 'took a hat off in your Team', 'take a hat off in your Team', 'Kith'),
    ('action', 'SignPromise', '2000-01-01', 'signed the Promise', 'sign the Promise', 'Kith'),
    ('basis', 'owner', '2000-01-01', 'the Owner of the Team', '', 'Kith'),
    ('basis', 'member', '2000-01-01', 'a member of the Team', '', 'Kith'),
    ('basis', 'invited', '2000-01-01', 'somebody who was asked into the Team', '', 'Kith');
