-- What follows a contract is found by the contract's lane, also once it has ended. Contracts are not in
-- it: taking one in pays nothing for it.
create index delivery_follow_up on delivery (tenant_id, lane, delivery_id) where kind <> 'dossier';
