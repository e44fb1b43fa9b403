namespace Millrace;

/// <summary>
/// Maps a partial record to a table of the monolith. The generator adds <see cref="IRow{TSelf}"/>, <see cref="IPartOf{TRoot}"/> and a
/// UTF-8 parser. A property is the column of the same name in snake_case unless <see cref="ColumnAttribute"/> says otherwise.
/// </summary>
/// <param name="table">The table's name.</param>
[AttributeUsage(AttributeTargets.Class)]
public sealed class RowAttribute(string table) : Attribute
{
    /// <summary>The table's name.</summary>
    public string Table => table;
}

/// <summary>Part of the table's primary key. A composite key is declared on each of its columns, in the key's order.</summary>
[AttributeUsage(AttributeTargets.Parameter | AttributeTargets.Property)]
public sealed class KeyAttribute : Attribute;

/// <summary>The foreign key that says whose child the row is. Null: nobody's, for now.</summary>
/// <typeparam name="TParent">The parent's row record.</typeparam>
[AttributeUsage(AttributeTargets.Parameter | AttributeTargets.Property)]
public sealed class ChildOfAttribute<TParent> : Attribute
    where TParent : class;

/// <summary>
/// A foreign key to a reference row (see <c>Reference&lt;T&gt;()</c> on an aggregate). On a property that cannot be null the reference is
/// required: an entity waits until it has arrived.
/// </summary>
/// <typeparam name="TReference">The referenced row record.</typeparam>
[AttributeUsage(AttributeTargets.Parameter | AttributeTargets.Property)]
public sealed class ReferencesAttribute<TReference> : Attribute
    where TReference : class;

/// <summary>
/// The business time of a change to this row (<c>updated_at</c>, or <c>created_at</c> of a row that never changes): the time of the command and
/// its events, instead of the commit's. A snapshot has no other time to go by.
/// </summary>
[AttributeUsage(AttributeTargets.Parameter | AttributeTargets.Property)]
public sealed class OccurredAtAttribute : Attribute;

/// <summary>Names a property's column.</summary>
/// <param name="name">The column's name.</param>
[AttributeUsage(AttributeTargets.Parameter | AttributeTargets.Property)]
public sealed class ColumnAttribute(string name) : Attribute
{
    /// <summary>The column's name.</summary>
    public string Name => name;
}

/// <summary>
/// Marks an assembly as deterministic: an analyzer bans the clock, random numbers, I/O, tasks, culture-dependent formatting and local time
/// zones in it, so that the same log through the same code gives the same events.
/// </summary>
[AttributeUsage(AttributeTargets.Assembly)]
public sealed class DeterministicAttribute : Attribute;
