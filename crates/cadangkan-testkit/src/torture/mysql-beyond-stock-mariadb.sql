-- What stock tools restore into a database of the same name only: the server writes its name into the default.
CREATE SEQUENCE s_of_default START WITH 10;
CREATE TABLE from_a_sequence (id int PRIMARY KEY DEFAULT (NEXT VALUE FOR s_of_default), a int);
INSERT INTO from_a_sequence (a) VALUES (1), (2);
