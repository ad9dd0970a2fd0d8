-- Whether somebody has left: nobody gives them Care Coins any more.
alter table person add column has_left boolean not null default false;
