-- The access log's words for what this service's policy calls its actions and standings: what follows "Somebody ..." and
-- "Somebody asked to ...", and what follows "as".

insert into platform.access_text (kind, word, valid_from, text, asked, source) values
    ('action', 'OpenRound', '2000-01-01', 'opened a survey round about your Team', 'open a survey round about your Team', 'Kith'),
    ('action', 'CloseRound', '2000-01-01', 'closed a survey round about your Team', 'close a survey round about your Team', 'Kith'),
    ('action', 'GetRoundResult', '2000-01-01', 'saw what a survey round about your Team came to', 'see what a survey round about your Team came to', 'Kith'),
    ('action', 'ListRounds', '2000-01-01', 'saw survey rounds about your Team in a list', 'see survey rounds about your Team in a list', 'Kith'),
    ('action', 'GetContinuity', '2000-01-01', 'looked at how continuous your support was', 'look at how continuous your support was', 'Kith'),
    ('basis', 'owner', '2000-01-01', 'the Owner of the Team', '', 'Kith'),
    ('basis', 'member', '2000-01-01', 'a member of the Team', '', 'Kith'),
    ('basis', 'circle_member', '2000-01-01', 'a member of the Circle', '', 'Kith');
