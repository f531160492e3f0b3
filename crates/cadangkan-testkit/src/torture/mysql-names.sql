-- Names that must be quoted everywhere.
SET NAMES utf8mb4;
SET sql_mode = '';
CREATE TABLE `select` (`from` int PRIMARY KEY, `where``` int, `a b` int, `it's` int, `"quoted"` int, `ünï` int, `日本` int,
    `%s` int, `a.b` int, `;` int, `-- x` int, `/*` int, `#` int, `\n` int, `$` int, `1` int, `1e5` int, ` lead` int);
INSERT INTO `select` VALUES (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18);
CREATE TABLE `a``b` (`a``b` int, KEY `a``b` (`a``b`));
CREATE TABLE `with space` (a int);
CREATE TABLE `trailing.dots..` (a int);
CREATE TABLE `..` (a int);
CREATE TABLE `a.b` (a int);
CREATE TABLE `ünï日本` (a int);
CREATE TABLE `%` (a int);
CREATE TABLE `it's` (a int);
CREATE TABLE `"quoted"` (a int);
CREATE TABLE `back\slash` (a int);
CREATE TABLE `a/b` (a int);
CREATE TABLE `;` (a int);
CREATE TABLE `-- x` (a int);
CREATE TABLE `/* x */` (a int);
CREATE TABLE `#` (a int);
CREATE TABLE `1` (a int);
CREATE TABLE `1e5` (a int);
CREATE TABLE `$x` (a int);
CREATE TABLE `Case` (a int);
CREATE TABLE `case` (a int);
CREATE TABLE `name_of_64_characters_name_of_64_characters_name_of_64_character` (
    `name_of_64_characters_name_of_64_characters_name_of_64_character` int,
    KEY `name_of_64_characters_name_of_64_characters_name_of_64_character`
        (`name_of_64_characters_name_of_64_characters_name_of_64_character`));
INSERT INTO `a``b` VALUES (1);
INSERT INTO `with space` VALUES (1);
INSERT INTO `trailing.dots..` VALUES (1);
INSERT INTO `..` VALUES (1);
INSERT INTO `a.b` VALUES (1);
INSERT INTO `ünï日本` VALUES (1);
INSERT INTO `%` VALUES (1);
INSERT INTO `it's` VALUES (1);
INSERT INTO `"quoted"` VALUES (1);
INSERT INTO `back\slash` VALUES (1);
INSERT INTO `a/b` VALUES (1);
INSERT INTO `;` VALUES (1);
INSERT INTO `-- x` VALUES (1);
INSERT INTO `/* x */` VALUES (1);
INSERT INTO `#` VALUES (1);
INSERT INTO `1` VALUES (1);
INSERT INTO `1e5` VALUES (1);
INSERT INTO `$x` VALUES (1);
INSERT INTO `Case` VALUES (1);
INSERT INTO `case` VALUES (2);
INSERT INTO `name_of_64_characters_name_of_64_characters_name_of_64_character` VALUES (64);
CREATE TABLE `a
b` (`c
d` int, KEY `e
f` (`c
d`));
INSERT INTO `a
b` VALUES (1);
CREATE VIEW `view ``of`` it's` AS SELECT `a``b` AS `column ``of`` it's` FROM `a``b`;
DELIMITER ;;
CREATE PROCEDURE `it's a "procedure" ``;` (`a``b` int) SELECT `a``b`;;
CREATE FUNCTION `1 function`() RETURNS int DETERMINISTIC RETURN 1;;
CREATE TRIGGER `it's a trigger; --` BEFORE INSERT ON `it's` FOR EACH ROW SET NEW.a = NEW.a + 1;;
CREATE EVENT `it's an event` ON SCHEDULE EVERY 1 DAY STARTS '2037-01-01 00:00:00' DISABLE DO DELETE FROM `a``b`;;
DELIMITER ;
