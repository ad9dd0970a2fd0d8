-- A row of these is written again and again without a change to what is indexed. With room on its page the new version stays
-- beside the old one and no index is touched; pages that are full already get room as they are written anew.
alter table platform.outbox_head set (fillfactor = 80);
alter table platform.inbox_cursor set (fillfactor = 70);
