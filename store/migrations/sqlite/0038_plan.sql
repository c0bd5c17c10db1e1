-- What the planner is told of the tables that grow. Without it SQLite takes a network for some ten rows: it then
-- walks all of a network's rows in the order asked for rather than sort the few an index would find, which costs
-- nothing in a test and a tenth of a second with a million events. These are the shapes of a large deployment
-- (ten networks, a million deliveries; rows of the index, then rows for each value of its first column, of its
-- first two, and so on), not a measure of this one: plans are the same on an empty file and on a full one.
-- A new index of one of these tables needs its line: a test says so.
analyze;
delete from sqlite_stat1;
insert into sqlite_stat1 (tbl, idx, stat) values
    ('event', 'event_key', '1000 100 1'),
    ('event', 'event_delivery', '1000000 100000 1'),
    ('event', 'sqlite_autoindex_event_1', '1000000 100000 1'),
    ('delivery', 'delivery_follow_up', '10000 1000 1 1'),
    ('delivery', 'delivery_predecessor', '10000 1000 1'),
    ('delivery', 'delivery_attention', '10000 1000 100 1'),
    ('delivery', 'delivery_in_flight', '10000 1000 1'),
    ('delivery', 'delivery_lane', '10000 1000 1 1'),
    ('delivery', 'delivery_due', '10000 909 909 909 90 1 1'),
    ('delivery', 'sqlite_autoindex_delivery_1', '1000000 100000 1'),
    ('submission', 'submission_match_3', '1000000 100000 1'),
    ('submission', 'submission_match_2', '1000000 100000 1'),
    ('submission', 'submission_match_1', '1000000 100000 1'),
    ('submission', 'submission_idempotency', '10000 1000 333 1'),
    ('submission', 'submission_pairing', '1000000 100000 100000 16666 1'),
    ('submission', 'sqlite_autoindex_submission_1', '1000000 100000 1'),
    ('payload', 'sqlite_autoindex_payload_1', '1000000 100000 1'),
    ('object_key', 'sqlite_autoindex_object_key_1', '1000000 100000 1'),
    ('attempt', 'sqlite_autoindex_attempt_1', '1000000 100000 1 1'),
    ('dossier', 'dossier_live', '100000 10000 10000 100'),
    ('dossier', 'dossier_adopted', '2000 200 200 1'),
    ('dossier', 'dossier_delivery', '200000 20000 1'),
    ('dossier', 'dossier_numero', '200000 20000 20000 1818 1818 1'),
    ('dossier', 'sqlite_autoindex_dossier_1', '200000 20000 1'),
    ('dossier_history', 'sqlite_autoindex_dossier_history_1', '1000000 100000 1 1'),
    ('schedule', 'schedule_site', '200000 20000 200 18 18 18 1'),
    ('schedule', 'schedule_due', '200000 18181 18181 18181 1'),
    ('schedule', 'sqlite_autoindex_schedule_1', '200000 20000 1'),
    ('schedule_snapshot', 'sqlite_autoindex_schedule_snapshot_1', '500000 50000 1 1'),
    ('invoice', 'invoice_numero', '800000 80000 80000 800 1'),
    ('invoice', 'sqlite_autoindex_invoice_1', '800000 80000 1'),
    ('invoice_contract', 'invoice_contract_delivery', '800000 80000 1'),
    ('invoice_contract', 'sqlite_autoindex_invoice_contract_1', '800000 80000 1 1'),
    ('stranger', 'stranger_site', '10000 1000 10 1 1 1 1'),
    ('stranger', 'stranger_due', '10000 909 909 909 1'),
    ('stranger', 'stranger_numero', '100000 10000 10000 909 909 1'),
    ('stranger', 'sqlite_autoindex_stranger_1', '100000 10000 1'),
    ('file', 'file_shredded', '5000 1'),
    ('file', 'file_delivery', '500000 1 1'),
    ('file', 'sqlite_autoindex_file_1', '500000 50000 1'),
    ('piece', 'piece_facture', '200000 20000 1'),
    ('piece', 'sqlite_autoindex_piece_1', '200000 20000 1'),
    ('mandate', 'mandate_delivery', '1000 100 1'),
    ('mandate', 'mandate_site', '1000 100 1'),
    ('mandate', 'sqlite_autoindex_mandate_1', '100000 10000 1');
analyze sqlite_schema;
