-- Until when an OPCO asked not to be called (`Retry-After`): what one process was told holds for all,
-- and after a restart.
create table limiter_silence (
    opco text collate "C" not null,
    instance bigint not null,
    environment text collate "C" not null,
    silent_until bigint not null,
    primary key (opco, instance, environment)
);
