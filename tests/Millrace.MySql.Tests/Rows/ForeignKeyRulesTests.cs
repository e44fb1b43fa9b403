using Millrace.MySql.Rows;

namespace Millrace.MySql.Tests.Rows;

public sealed class ForeignKeyRulesTests
{
    private const string Definition = """
        CREATE TABLE `c` (
          `id` int(11) NOT NULL,
          `p` int(11) DEFAULT NULL COMMENT 'CONSTRAINT `a` FOREIGN KEY (`p`) REFERENCES `t` (`id`) ON DELETE SET NULL',
          PRIMARY KEY (`id`),
          CONSTRAINT `a` FOREIGN KEY (`p`) REFERENCES `t` (`id`) ON DELETE CASCADE,
          CONSTRAINT `b` FOREIGN KEY (`p`, `id`) REFERENCES `other`.`t` (`a) ON DELETE CASCADE`, `y`),
          CONSTRAINT `c``c` FOREIGN KEY (`p`) REFERENCES `t` (`id`) ON DELETE SET NULL ON UPDATE CASCADE
        ) ENGINE=InnoDB
        """;

    [Theory]
    [InlineData("a", "CASCADE", "RESTRICT")]
    [InlineData("b", "RESTRICT", "RESTRICT")]
    [InlineData("c`c", "SET NULL", "CASCADE")]
    public void A_rule_is_read_from_the_line_of_its_constraint(string constraint, string onDelete, string onUpdate) =>
        Assert.Equal((onDelete, onUpdate), ForeignKeyRules.Find(Definition, constraint));

    [Fact]
    public void A_constraint_that_is_not_there_has_no_rule() => Assert.Null(ForeignKeyRules.Find(Definition, "d"));
}
