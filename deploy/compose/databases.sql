-- One database for each service, on one server here; in production each may have a server of its own.
create database licet_credentials;
create database licet_certifications;
create database licet_scheduler;
create database licet_notifier;
