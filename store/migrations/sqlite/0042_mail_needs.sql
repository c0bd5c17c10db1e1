-- What the reader of a mail must still be allowed to see when it leaves, as it was when the mail was written:
-- [{"right", "site"}]. A mail of before this column asks for nothing but an account that is open.
alter table mail add column needs text not null default '[]';
