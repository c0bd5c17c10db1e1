-- Until when an OPCO asked not to be called (`Retry-After`): what one process was told holds for all,
-- and after a restart.
create table limiter_silence (
    opco text not null,
    instance integer not null,
    environment text not null,
    silent_until integer not null,
    primary key (opco, instance, environment)
) strict;
