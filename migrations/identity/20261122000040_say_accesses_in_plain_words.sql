-- The access log's words for what this service's policy calls its actions and standings: what follows "Somebody ..." and
-- "Somebody asked to ...", and what follows "as".

insert into platform.access_text (kind, word, valid_from, text, asked, source) values
    ('action', 'InvitePerson', '2000-01-01', 'asked you to join', 'ask you to join', 'Kith'),
    ('action', 'GetPeople', '2000-01-01', 'saw the name you go by and your roles', 'see the name you go by and your roles', 'Kith'),
    ('action', 'ListPeople', '2000-01-01', 'saw you in the list of everybody here', 'see you in the list of everybody here', 'Kith'),
    ('action', 'SetRoles', '2000-01-01', 'set your roles in the organisation', 'set your roles in the organisation', 'Kith'),
    ('action', 'SignOut', '2000-01-01', 'ended your session', 'end your session', 'Kith');
