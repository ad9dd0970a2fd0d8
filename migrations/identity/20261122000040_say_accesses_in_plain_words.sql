-- The access log's words for what this service's policy calls its actions and standings: what follows "Somebody ..." and
-- "... would have", and what follows "as".

insert into platform.access_text (kind, word, valid_from, text, source) values
    ('action', 'InvitePerson', '2000-01-01', 'asked you to join, and saw the name you go by', 'Kith'),
    ('action', 'GetPeople', '2000-01-01', 'saw the name you go by and your roles', 'Kith'),
    ('action', 'ListPeople', '2000-01-01', 'saw you in the list of everybody here', 'Kith'),
    ('action', 'SetRoles', '2000-01-01', 'set your roles in the organisation', 'Kith'),
    ('action', 'SignOut', '2000-01-01', 'ended your session', 'Kith');
