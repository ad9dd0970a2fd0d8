-- The Circle that is founded with the tenant has no name, aim or domain of its own yet: it is the co-op itself, and no
-- event carries a text. Whoever founds one by hand still has to say all three.
alter table circle
    drop constraint circle_display_name_length,
    drop constraint circle_aim_length,
    drop constraint circle_domain_length,
    add constraint circle_display_name_length check (char_length(display_name) <= 100),
    add constraint circle_aim_length check (char_length(aim) <= 2000),
    add constraint circle_domain_length check (char_length(domain) <= 2000),
    add constraint circle_texts_whole check (
        (display_name = '') = (aim = '') and (display_name = '') = (domain = ''));
