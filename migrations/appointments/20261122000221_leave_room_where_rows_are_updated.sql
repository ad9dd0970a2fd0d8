-- A visit is planned with many others and then agreed by itself, which changes nothing that is indexed: with room on its page
-- the new version stays beside the old one and no index is touched.
alter table visit set (fillfactor = 80);
