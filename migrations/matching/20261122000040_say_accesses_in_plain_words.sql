-- The access log's words for what this service's policy calls its actions and standings: what follows "Somebody ..." and
-- "Somebody asked to ...", and what follows "as".

insert into platform.access_text (kind, word, valid_from, text, asked, source) values
    ('action', 'RegisterGiver', '2000-01-01', 'registered you as a giver', 'register you as a giver', 'Kith'),
    ('action', 'GetGiver', '2000-01-01', 'looked at your details as a giver', 'look at your details as a giver', 'Kith'),
    ('action', 'ListGivers', '2000-01-01', 'saw you in the list of all givers', 'see you in the list of all givers', 'Kith'),
    ('action', 'RecordReadiness', '2000-01-01', 'recorded how your checks and training stand', 'record how your checks and training stand', 'Kith'),
    ('action', 'SetTerms', '2000-01-01', 'stated your terms', 'state your terms', 'Kith'),
    ('action', 'OpenOpportunity', '2000-01-01', 'opened a search for your Team', 'open a search for your Team', 'Kith'),
    ('action', 'CloseOpportunity', '2000-01-01', 'closed a search', 'close a search', 'Kith'),
    ('action', 'ListOpportunities', '2000-01-01', 'saw what your Team looks for', 'see what your Team looks for', 'Kith'),
    ('action', 'SuggestGivers', '2000-01-01', 'was shown you as a giver who may suit', 'be shown givers who may suit, such as you', 'Kith'),
    ('action', 'ShowInterest', '2000-01-01', 'showed interest in meeting', 'show interest in meeting', 'Kith'),
    ('action', 'GetIntroduction', '2000-01-01', 'looked at your introduction', 'look at your introduction', 'Kith'),
    ('action', 'ListIntroductions', '2000-01-01', 'saw your introduction in their list', 'see your introduction in their list', 'Kith'),
    ('action', 'AgreeTrial', '2000-01-01', 'agreed something about your trial', 'agree something about your trial', 'Kith'),
    ('action', 'ConcludeTrial', '2000-01-01', 'gave an answer after your trial', 'give an answer after your trial', 'Kith'),
    ('basis', 'owner', '2000-01-01', 'the Owner of the Team it is about', '', 'Kith'),
    ('basis', 'giver', '2000-01-01', 'the giver it is about', '', 'Kith'),
    ('basis', 'checks', '2000-01-01', 'somebody who records checks and training', '', 'Kith');
