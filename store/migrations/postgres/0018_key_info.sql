-- When the OPCO is next asked until when a key is valid, where it tells that.
alter table cfa_key add column info_due_at bigint;
