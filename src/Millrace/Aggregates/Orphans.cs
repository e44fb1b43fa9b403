namespace Millrace;

/// <summary>
/// What becomes of a child's rows whose root does not exist once every table has been shown whole (at the end of all snapshots). Until then, and
/// for rows that come later, they wait: no order between tables is assumed.
/// </summary>
public enum Orphans
{
    /// <summary>They wait on, are counted and listed, and belong to the root if it comes after all.</summary>
    Wait,

    /// <summary>
    /// They leave the mirror, are counted, and the log says how many. A root that comes after all begins without them; such a row is new to it when it
    /// changes, or when a later snapshot shows it.
    /// </summary>
    Drop,
}
