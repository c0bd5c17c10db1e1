//! The API from outside: the real server on a free port, a fresh SQLite file, real requests.

mod batch;
mod door;
mod facade;
mod frozen;
mod harness;
mod life;
mod published;
mod tree;
mod upload;
mod webhooks;
