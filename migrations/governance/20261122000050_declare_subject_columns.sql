-- Which columns can name a person, and which texts are personal: see platform's data_rights. What a society decided, and
-- who consented, stays for its life.

insert into platform.subject_column
    (table_name, column_name, capacity, on_erasure, retention_class, dated_by, through) values
    ('public.circle', 'created_by', 'who created it', 'keep', null, null, null),
    ('public.circle_hat', 'person_id', 'hat holder', 'keep', null, null, null),
    ('public.circle_member', 'person_id', 'member', 'keep', null, null, null),
    ('public.decision_consent', 'person_id', 'who consented', 'keep', null, null, null),
    ('public.organisation_role', 'person_id', 'role holder', 'delete', null, null, null),
    ('public.proposal', 'proposer_person_id', 'proposer', 'keep', null, null, null),
    ('public.proposal_answer', 'person_id', 'who answered', 'blank', 'society_record', 't.answered_at', null),
    ('public.proposal_version', 'written_by', 'who wrote it', 'keep', null, null, null);

insert into platform.text_column (table_name, column_name, personal, erased_as, reason) values
    ('public.circle', 'display_name', false, null, 'name of a circle'),
    ('public.circle', 'aim', false, null, 'what a circle is for'),
    ('public.circle', 'domain', false, null, 'what a circle decides'),
    ('public.decision', 'content_hash', false, null, 'hash of a public text'),
    ('public.mandate', 'rule_name', false, null, 'name of a circle''s rule'),
    ('public.mandate', 'mode', false, null, 'word'),
    ('public.organisation_role', 'roles', false, null, 'words'),
    ('public.proposal', 'title', false, null, 'public record of the society'),
    ('public.proposal_answer', 'argument', true, '(erased)', 'what somebody said'),
    ('public.proposal_version', 'text', false, null, 'public record of the society'),
    ('public.proposal_version', 'measure', false, null, 'public record of the society'),
    ('public.proposal_version', 'effect', false, null, 'public record of the society'),
    ('public.proposal_version', 'content_hash', false, null, 'hash of a public text');
