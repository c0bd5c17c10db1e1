//! The API from outside: the real server on a free port, a fresh SQLite file, real requests.

mod batch;
mod door;
mod frozen;
mod harness;
mod life;
mod published;
mod upload;
mod webhooks;
