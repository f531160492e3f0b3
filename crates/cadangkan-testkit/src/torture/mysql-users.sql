-- Users and a role that own things. They stay on the server; several tests may make them at the same time.
CREATE USER IF NOT EXISTS cadangkan_torture_definer@localhost IDENTIFIED BY 'pw';
CREATE USER IF NOT EXISTS 'cadangkan_torture_o''dd "one"'@'%.example' IDENTIFIED BY 'pw';
CREATE ROLE IF NOT EXISTS cadangkan_torture_role;
GRANT ALL PRIVILEGES ON *.* TO cadangkan_torture_definer@localhost;
