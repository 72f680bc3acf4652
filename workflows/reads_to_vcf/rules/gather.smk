# The pieces of a set, in the order of the reference; a record that two pieces hold counts once.
if CALLER == "gatk":

    ruleorder: filter_mutect2 > gather


rule gather:
    input:
        expand("work/calls/{{set}}.{piece}.vcf.gz", piece=PIECES),
    output:
        temp("work/gathered/{set}.vcf.gz"),
    log:
        "logs/gather/{set}.log",
    conda:
        "../envs/tools.yaml"
    shell:
        "for part in {input:q}; do bcftools index -f -t \"$part\" 2>> {log:q}; done;"
        " bcftools concat -a -D -O z -o {output:q} {input:q} 2>> {log:q};"
        " for part in {input:q}; do rm -f \"$part.tbi\"; done"
