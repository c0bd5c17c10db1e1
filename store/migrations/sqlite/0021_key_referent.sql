-- Who answers for a CFA key, in people's words: a name or an address.
alter table cfa_key add column referent text;
-- The history of keys is read from the log, where few lines are about them.
create index event_key on event (tenant_id, position) where kind >= 'key.' and kind < 'key/';
